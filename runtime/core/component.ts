/** A long-running part of a process. Constructing it does no I/O; `run` does. */
export interface Component {
  readonly name: string;
  /** Runs until the signal aborts, then releases everything it holds and resolves. Rejects on a fault it cannot recover from. */
  run(signal: AbortSignal): Promise<void>;
}
