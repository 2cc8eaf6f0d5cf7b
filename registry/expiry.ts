import type { Batch as EditBatch } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import type { Clock, Component } from '#runtime/index.ts';
import { lookAfterEdits, type OnEdited } from './after-edits.ts';

export interface CertificateTimeOptions {
  readonly inputs: Pick<MeshInputs, 'time'>;
  /** When the next certificate expires or becomes valid, in milliseconds since the epoch; as the graph knows it. */
  readonly nextChange: () => number | undefined;
  readonly edit: (batch: EditBatch) => void;
  readonly onEdited: OnEdited;
  readonly clock: Clock;
}

/** Tells the graph what time it is each time a certificate has expired or become valid: queries have no clock, and nobody edits a Secret for that. */
export function createCertificateTime(options: CertificateTimeOptions): Component {
  const { inputs, nextChange, edit, onEdited, clock } = options;
  return {
    name: 'validity of certificates',
    run: async (signal) => {
      let awaited: number | undefined;
      let waiting = new AbortController();

      const look = () => {
        const next = nextChange();
        if (next === awaited || signal.aborted) return;
        waiting.abort();
        waiting = new AbortController();
        awaited = next;
        if (next === undefined) return;
        clock.sleep(Math.max(0, next - clock.now()), AbortSignal.any([signal, waiting.signal])).then(
          () => {
            // The wall clock may have been put back meanwhile.
            awaited = undefined;
            const now = clock.now();
            if (now >= next) edit((all) => all.set(inputs.time, 'certificates', now));
            look();
          },
          () => undefined,
        );
      };

      await lookAfterEdits(onEdited, look, signal);
    },
  };
}
