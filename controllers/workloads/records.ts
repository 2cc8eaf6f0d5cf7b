/** What registration must know of WorkloadGroups and WorkloadEntries; cmd/ joins it to the graph. */
import type { WorkloadGroupSpec } from '#api/index.ts';

export interface WorkloadGroupRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: WorkloadGroupSpec;
}

/** A WorkloadEntry, as far as who keeps it goes. Times are milliseconds since the epoch. */
export interface WorkloadEntryRecord {
  readonly namespace: string;
  readonly name: string;
  /** Empty: any of the namespace. */
  readonly serviceAccount: string;
  /** The WorkloadGroup that it was made from. */
  readonly group?: string;
  /** The replica that its workload is, or was last, connected to. */
  readonly controller?: string;
  readonly connectedAt?: number;
  readonly disconnectedAt?: number;
  /** Whether its health is reported by its workload. */
  readonly checksHealth: boolean;
  /** What was reported of it last. */
  readonly healthy?: boolean;
  readonly reportedAt?: number;
}

/** Port: where registration learns of them. */
export interface WorkloadRecords {
  /** Whether everything that exists is known. */
  synced(): boolean;
  /** Resolves as soon as it is. */
  readonly whenSynced: Promise<void>;
  group(namespace: string, name: string): WorkloadGroupRecord | undefined;
  entry(namespace: string, name: string): WorkloadEntryRecord | undefined;
  /** Those that some replica keeps or kept. */
  kept(): Iterable<WorkloadEntryRecord>;
  /** Whether a replica of this name still exists; undefined: nobody can tell. */
  exists(controller: string): boolean | undefined;
  /** Calls the listener after any of this may have changed; returns how to stop. */
  onChange(listener: () => void): () => void;
}
