/**
 * How long everything waits that docs/decisions/0017 speaks of, on real Envoys and beside the bound that it states, and what
 * the status of the resource says meanwhile.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure } from '#hack/setup/index.ts';
import { mintKeyPair } from '#test/support/keypair.ts';
import { type Benchmark, type Measurement, summarize } from '../measurement.ts';
import { listenerWaits } from './listeners.ts';
import { WaitingMesh } from './mesh.ts';
import { nameWaits } from './names.ts';
import { describePods, describeRoutes, describeSecret, describeService, describeSlice } from './objects.ts';
import type { Wait, Waited } from './observe.ts';
import { routedHosts, routeWaits } from './routes.ts';
import { serviceWaits } from './services.ts';

export const waits: Benchmark = {
  name: 'waits',
  describes: 'on real Envoys: everything that has to wait, how long it does, and what status says meanwhile',
  async run(signal, { repetitions = 2, report }) {
    await ensure(['descriptors', 'apiserver', 'envoy'], signal);
    const folder = await mkdtemp(join(tmpdir(), 'lateen-bench-waits-'));
    report('starting an API server, the control plane and two Envoys');
    const mesh = await WaitingMesh.start(folder, signal);
    const measured = new Map<Wait, readonly Waited[]>();
    try {
      await fill(mesh);
      for (const sideBySide of [...serviceWaits, ...routeWaits, ...nameWaits, ...listenerWaits]) {
        const waited = sideBySide.map((): Waited[] => []);
        const times = repetitions * (sideBySide[0]?.times ?? 1);
        for (let serial = 1; serial <= times; serial += 1) {
          signal.throwIfAborted();
          report(`${sideBySide.map(({ figure }) => figure).join('; ')}: ${serial} of ${times}`);
          const outcomes = await Promise.all(sideBySide.map((wait) => wait.provoke(mesh, serial)));
          for (const [at, outcome] of outcomes.entries()) waited[at]?.push(outcome);
        }
        for (const [at, wait] of sideBySide.entries()) measured.set(wait, waited[at] ?? []);
      }
    } catch (error) {
      // What was measured before is worth showing, too.
      if (measured.size === 0) throw error;
      report(`ended early: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await mesh.stop();
      await rm(folder, { recursive: true });
    }
    return [...measured].map(([wait, waited]) => describe(wait, waited, measured));
  },
};

/** What rounds have in common. */
async function fill(mesh: WaitingMesh): Promise<void> {
  for (const [at, name] of routedHosts.entries()) {
    const pods = { v1: `10.97.0.${2 * at + 1}`, v2: `10.97.0.${2 * at + 2}` };
    for (const object of [...describePods(name, pods), describeService({ name }), describeSlice({ name }, pods)])
      await mesh.put(object);
    await mesh.put(describeRoutes(name, { host: name }));
  }
  await mesh.put(describeSecret('present', mintKeyPair()));
}

function describe(
  { figure, bound, beyond }: Wait,
  waited: readonly Waited[],
  measured: ReadonlyMap<Wait, readonly Waited[]>,
): Measurement {
  const way = beyond === undefined ? undefined : measured.get(beyond);
  const offset = way === undefined ? 0 : summarize(way.map(({ ms }) => ms)).median;
  const remark = waited.findLast(({ said }) => said !== '')?.said;
  return {
    ...{ figure, unit: 'ms', samples: waited.map(({ ms }) => ms - offset) },
    ...(bound === undefined ? {} : { atMost: bound }),
    ...(remark === undefined ? {} : { remark }),
  };
}
