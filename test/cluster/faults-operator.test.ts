import { expect } from 'chai';
import { eventually } from '#test/support/cluster.ts';
import { readMesh, untilMeshReady } from '#test/support/faults.ts';
import { damageInstallation, readInstallation, untilInstallation } from '#test/support/installation.ts';
import { underLoad } from '#test/support/load.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { listRestarts, readContainer, readPod, signalContainer, untilReady } from '#test/support/pods.ts';

const operator = ['istio-operator', 'app=lateen-operator'] as const;

describe('the operator of a mesh', () => {
  let mesh: Mesh;

  before(async function installOnce() {
    this.timeout(300_000);
    mesh = await useMesh();
    await untilMeshReady(mesh);
  });

  describe('puts back what others changed, and nothing restarts', () => {
    const damages: readonly [when: string, damage: () => Promise<void>][] = [
      ['while it runs', () => damageInstallation(mesh)],
      [
        'while it was stopped, before it was killed',
        async () => {
          const pod = await readPod(mesh, ...operator);
          const restarts = readContainer(pod, 'operator')?.restartCount ?? 0;
          await signalContainer(pod, 'operator', 'node', 'SIGSTOP');
          try {
            await damageInstallation(mesh);
          } finally {
            await signalContainer(pod, 'operator', 'node', 'SIGKILL');
          }
          await untilReady(mesh, ...operator, (now) => (readContainer(now, 'operator')?.restartCount ?? 0) > restarts);
        },
      ],
    ];
    for (const [when, damage] of damages) {
      it(when, async function () {
        this.timeout(120_000);
        const installation = await readInstallation(mesh);
        const restarts = await listRestarts(mesh);
        const outcome = await underLoad(mesh, async () => {
          await damage();
          await untilInstallation(mesh, installation);
        });
        expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
        await untilMeshReady(mesh);
        expect(await listRestarts(mesh)).to.deep.equal(restarts);
      });
    }
  });

  describe('leaves what runs alone when the IstioOperator is edited badly, says where, and heals with it', () => {
    let spec: unknown;

    beforeEach(async () => {
      ({ spec } = await readMesh(mesh));
    });
    const restore = () => patchMesh(mesh, 'json', [{ op: 'replace', path: '/spec', value: spec }]);
    afterEach(async () => {
      await restore();
      await untilMeshReady(mesh);
    });

    const edits: readonly [what: string, patch: object, path: string][] = [
      ['an unknown profile', { profile: 'grandiose' }, 'spec.profile'],
      ['an unknown field', { components: { pilot: { replicaCuont: 2 } } }, 'spec.components.pilot.replicaCuont'],
      [
        'a value of the wrong type',
        { values: { pilot: { autoscaleEnabled: 'perhaps' } } },
        'spec.values.pilot.autoscaleEnabled',
      ],
    ];
    for (const [what, edit, path] of edits) {
      it(what, async function () {
        this.timeout(120_000);
        const before = await readInstallation(mesh);
        const restarts = await listRestarts(mesh);

        const outcome = await underLoad(mesh, async () => {
          await patchMesh(mesh, 'merge', { spec: edit });
          const condition = await untilReconciled(mesh, 'False');
          expect(condition.message).to.include(path);
        });
        expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
        expect(await readInstallation(mesh)).to.deep.equal(before);

        await restore();
        await untilReconciled(mesh, 'True');
        await untilMeshReady(mesh);
        expect(await readInstallation(mesh)).to.deep.equal(before);
        expect(await listRestarts(mesh)).to.deep.equal(restarts);
      });
    }

    it('a wrong type that the schema knows of: refused at once, with its path', async () => {
      const edit = { spec: { components: { pilot: { enabled: 'sometimes' } } } };
      const refusal = await patchMesh(mesh, 'merge', edit).then(
        () => 'it was stored',
        (error: unknown) => String(error),
      );
      expect(refusal).to.include('spec.components.pilot.enabled').and.to.include('boolean');
    });
  });
});

function patchMesh({ cluster }: Mesh, type: 'json' | 'merge', patch: object): Promise<string> {
  const target = ['istiooperator', 'mesh', '-n', 'istio-system'];
  return cluster.kubectl(['patch', ...target, `--type=${type}`, '--patch', JSON.stringify(patch)]);
}

/** Waits until the IstioOperator's newest generation was judged so. */
async function untilReconciled(mesh: Mesh, wanted: 'True' | 'False') {
  return eventually(`Reconciled is ${wanted}`, async () => {
    const { metadata, status } = await readMesh(mesh);
    const condition = status?.conditions?.find(({ type }) => type === 'Reconciled');
    return condition?.status === wanted && condition.observedGeneration === metadata.generation ? condition : undefined;
  });
}
