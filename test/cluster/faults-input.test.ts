import { expect } from 'chai';
import { enterNamespaces } from '#hack/cluster/index.ts';
import { runCommand } from '#hack/setup/index.ts';
import { eventually } from '#test/support/cluster.ts';
import { untilMeshReady, withoutSchema, withoutValidation } from '#test/support/faults.ts';
import { loadPaths, underLoad } from '#test/support/load.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { readPod } from '#test/support/pods.ts';
import { isSteered, steerDetails, untilAccepted, untilSteered } from '#test/support/steering.ts';

describe('bad input to a mesh', () => {
  let mesh: Mesh;

  before(async function installOnce() {
    this.timeout(300_000);
    mesh = await useMesh();
    await untilMeshReady(mesh);
  });
  afterEach(async () => {
    const names = ['virtualservice/faults-details', 'peerauthentication/faults', 'destinationrule/faults-ratings'];
    await mesh.cluster.kubectl(['delete', '-n', mesh.namespace, '--ignore-not-found', ...names]);
  });

  it('is refused at admission with the path of the field and the reason', async () => {
    const refusal = await mesh.cluster.apply([steerByRegex('(')], mesh.namespace).then(
      () => 'it was stored',
      (error: unknown) => String(error),
    );
    expect(refusal).to.include('admission webhook "validation.istio.io" denied the request');
    expect(refusal).to.include(`spec.http[0].match[0].headers["end-user"].regex`);
  });

  it('that passed by an absent webhook is reported, and the last valid version stays in force', async function () {
    this.timeout(180_000);
    const outcome = await underLoad(mesh, () =>
      withoutValidation(mesh, async () => {
        await mesh.cluster.apply([steerDetails('valid'), subsets('v1')], mesh.namespace);
        await untilSteered(mesh, 'valid');

        await mesh.cluster.apply([steerByRegex('('), subsets('v1', 'v1')], mesh.namespace);
        for (const [kind, name, path] of [
          ['virtualservice', 'faults-details', 'spec.http[0].match[0].headers["end-user"].regex'],
          ['destinationrule', 'faults-ratings', 'spec.subsets[1].name'],
        ] as const) {
          const { message } = await untilAccepted(mesh, kind, name, 'False');
          expect(message).to.include(path).and.to.include('the last valid version stays in force');
        }
        expect(await isSteered(mesh, 'valid'), 'the valid version is in force').to.equal(true);

        await mesh.cluster.apply([steerDetails('mended'), subsets('v1')], mesh.namespace);
        await untilSteered(mesh, 'mended');
        await untilAccepted(mesh, 'virtualservice', 'faults-details', 'True');
        await untilAccepted(mesh, 'destinationrule', 'faults-ratings', 'True');
      }),
    );
    expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
  });

  it('in a PeerAuthentication never lets plaintext in, with or without a valid version before it', async function () {
    this.timeout(180_000);
    expect(await askInPlaintext(mesh), 'PERMISSIVE, as it is').to.equal('200');
    const outcome = await underLoad(mesh, () =>
      withoutValidation(mesh, () =>
        withoutSchema(mesh, 'peerauthentications.security.istio.io', async () => {
          await mesh.cluster.apply([peerAuthentication('STRICT')], mesh.namespace);
          await untilPlaintext(mesh, 'refused');

          await mesh.cluster.apply([peerAuthentication('PERMISIVE')], mesh.namespace);
          const update = await untilAccepted(mesh, 'peerauthentication', 'faults', 'False');
          expect(update.message).to.include('spec.mtls.mode').and.to.include('the last valid version stays in force');
          expect(await askInPlaintext(mesh)).to.equal('refused');

          await mesh.cluster.kubectl(['delete', 'peerauthentication', 'faults', '-n', mesh.namespace]);
          await untilPlaintext(mesh, '200');

          await mesh.cluster.apply([peerAuthentication('PERMISIVE')], mesh.namespace);
          await untilPlaintext(mesh, 'refused');
          const { message } = await untilAccepted(mesh, 'peerauthentication', 'faults', 'False');
          expect(message).to.include('spec.mtls.mode').and.to.include('until it is valid');
          await mesh.cluster.kubectl(['delete', 'peerauthentication', 'faults', '-n', mesh.namespace]);
          await untilPlaintext(mesh, '200');
        }),
      ),
    );
    // Sidecars speak mTLS with one another all the while.
    expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
  });
});

/** As steerDetails, with a regular expression for the user. */
function steerByRegex(regex: string): object {
  const text = JSON.stringify(steerDetails('USER')).replace(
    JSON.stringify({ exact: 'USER' }),
    JSON.stringify({ regex }),
  );
  return JSON.parse(text) as object;
}

function subsets(...names: readonly string[]): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'faults-ratings' },
    spec: { host: 'faults.example', subsets: names.map((name) => ({ name, labels: { version: name } })) },
  };
}

function peerAuthentication(mode: string): object {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'faults' },
    spec: { selector: { matchLabels: { app: 'details' } }, mtls: { mode } },
  };
}

/** What somebody without a sidecar gets from the pod of details: the status, or `refused` when the connection ends. */
async function askInPlaintext(mesh: Mesh): Promise<string> {
  const { status } = await readPod(mesh, mesh.namespace, 'app=details');
  const url = `http://${status.podIP}:9080${loadPaths.details.replace('/api/v1/products', '/details')}`;
  const script = `curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' '${url}' || true`;
  const [program = '', ...parameters] = enterNamespaces(mesh.cluster.layout, ['sh', '-c', script]);
  const code = await runCommand(program, parameters);
  return code === '000' ? 'refused' : code;
}

async function untilPlaintext(mesh: Mesh, wanted: '200' | 'refused'): Promise<void> {
  await eventually(`plaintext: ${wanted}`, async () => ((await askInPlaintext(mesh)) === wanted ? true : undefined));
}
