import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseLoopback } from '#agent/dns/testing/upstream.ts';
import { callHttp } from '#agent/status/http.ts';
import type { KubeObject } from '#kube/index.ts';
import { AgentProcess } from '#test/support/agentprocess.ts';
import { type ApiServer, freePorts, startApiServer } from '#test/support/apiserver.ts';
import { buildAgentBundle } from '#test/support/bundle.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Istiod, startIstiod } from '#test/support/istiod.ts';

interface WorkloadEntry extends KubeObject {
  readonly spec?: { readonly address?: string; readonly serviceAccount?: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

const host = 'web.internal';

describe('a workload outside of Kubernetes, with its agent and Envoy', function () {
  this.timeout(180_000);
  let folder: string;
  let program: string;
  let api: ApiServer;
  let istiod: Istiod;
  let application: Server;
  let healthy = true;
  let seen: IncomingHttpHeaders = {};
  let machine: AgentProcess;
  let client: AgentProcess;
  /** Where the service is called, where the machine's Envoy listens, and where its application does. */
  let ports: { readonly service: number; readonly inbound: number; readonly application: number };
  const address = chooseLoopback();
  const name = `web-${address}`;

  const entry = async (): Promise<WorkloadEntry | undefined> => {
    const text = await api.kubectl(['get', 'workloadentry', name, '-n', 'demo', '-o', 'json', '--ignore-not-found']);
    return text === '' ? undefined : JSON.parse(text);
  };
  const condition = async (type: string) =>
    (await entry())?.status?.conditions?.find((candidate) => candidate.type === type);
  const call = () =>
    callHttp({ host: '127.0.0.1', port: ports.service, path: '/', headers: { host }, deadline: 5_000 }).then(
      ({ status }) => status,
      () => 0,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    program = (await buildAgentBundle(folder)).path;
    api = await startApiServer();
    await api.kubectl(['apply', '--server-side', '-k', 'crds']);
    await api.definitionsServed();
    for (const namespace of ['istio-system', 'demo']) await api.kubectl(['create', 'namespace', namespace]);
    istiod = await startIstiod(api);
    application = createServer((request, response) => {
      if (request.url === '/healthz') response.writeHead(healthy ? 200 : 500).end();
      else {
        seen = request.headers;
        response.end('hello');
      }
    });
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    const [service = 0, inbound = 0] = await freePorts(2);
    ports = { service, inbound, application: (application.address() as AddressInfo).port };
    await api.kubectl(
      ['apply', '--server-side', '-f', '-'],
      `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web, namespace: demo}
spec:
  metadata: {labels: {app: web}, annotations: {team: shop}}
  template: {ports: {http: ${ports.inbound}}, serviceAccount: web, locality: eu/eu-1}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: demo}
spec:
  hosts: [${host}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: ${ports.service}, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: demo}
spec:
  workloadSelector: {labels: {app: web}}
  ingress:
  - port: {number: ${ports.inbound}, name: http, protocol: HTTP}
    defaultEndpoint: 127.0.0.1:${ports.application}
  egress: [{hosts: ["~/*"]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: demo}
spec: {mtls: {mode: STRICT}}
`,
    );
    const start = async (
      account: string,
      env: Readonly<Record<string, string>>,
      flags: readonly string[] = [],
    ): Promise<AgentProcess> => {
      const agent = await AgentProcess.prepare({
        program,
        discoveryAddress: `127.0.0.1:${istiod.securePort}`,
        serverName: 'istiod.istio-system.svc',
        roots: istiod.roots,
        token: await istiod.token('demo', account),
        env: { SERVICE_ACCOUNT: account, ISTIO_META_INTERCEPTION_MODE: 'NONE', ...env },
        flags,
      });
      await agent.start();
      return agent;
    };
    client = await start('client', { POD_NAME: 'client-1', ISTIO_METAJSON_LABELS: '{"app":"client"}' });
    // What `istioctl x workload entry configure` would write from the group.
    await writeFile(
      join(folder, 'mesh.yaml'),
      `
defaultConfig:
  proxyMetadata:
    ISTIO_META_AUTO_REGISTER_GROUP: web
    ISTIO_METAJSON_LABELS: '{"app":"web","version":"v7"}'
  readinessProbe:
    httpGet: {host: 127.0.0.1, path: /healthz, port: ${ports.application}}
    periodSeconds: 1
`,
    );
    const certificates = join(folder, 'certificates');
    machine = await start(
      'web',
      { POD_NAME: 'machine-1', INSTANCE_IP: address, OUTPUT_CERTS: certificates, PROV_CERT: certificates },
      ['--meshConfig', join(folder, 'mesh.yaml')],
    );
  });

  after(async () => {
    for (const agent of [client, machine]) await agent?.remove();
    await istiod?.stop();
    await api?.stop();
    await new Promise((resolve) => application?.close(resolve));
    await rm(folder, { recursive: true });
  });

  const explain = async (error: unknown) => {
    throw new Error(`machine:\n${await machine.log()}\nistiod:\n${istiod.log()}`, { cause: error });
  };

  it('is registered in the group that it names, as the group and it itself say', async () => {
    const found = await eventually(entry, (registered) => expect(registered).not.to.equal(undefined)).catch(explain);
    const { metadata, spec } = found ?? { metadata: { name: '' } };
    expect(spec).to.deep.equal({
      address,
      labels: { app: 'web', version: 'v7' },
      locality: 'eu/eu-1',
      ports: { http: ports.inbound },
      serviceAccount: 'web',
    });
    expect(metadata.labels).to.deep.equal({ app: 'web', version: 'v7' });
    expect(metadata.annotations).to.include({
      team: 'shop',
      'istio.io/autoRegistrationGroup': 'web',
      'istio.io/workloadController': 'istiod-0',
      'proxy.istio.io/health-checks-enabled': 'true',
    });
    expect(Date.parse(metadata.annotations?.['istio.io/connectedAt'] ?? '')).to.be.within(
      Date.now() - 60_000,
      Date.now(),
    );
    expect(metadata.ownerReferences?.[0]).to.include({ kind: 'WorkloadGroup', name: 'web', controller: true });
  });

  it('takes calls from the mesh over mutual TLS once its application is healthy', async () => {
    await eventually(
      () => condition('Healthy'),
      (found) => expect(found).to.include({ status: 'True' }),
    ).catch(explain);
    await eventually(call, (status) => expect(status).to.equal(200)).catch(explain);
    expect(seen['x-forwarded-client-cert']).to.contain('URI=spiffe://cluster.local/ns/demo/sa/client');
  });

  it('is passed over while its application is not healthy, and its status says why', async () => {
    healthy = false;
    await eventually(call, (status) => expect(status).to.equal(503)).catch(explain);
    const found = await eventually(
      () => condition('Healthy'),
      (unhealthy) => expect(unhealthy).to.include({ status: 'False' }),
    );
    expect(found?.message).to.contain('the application answered 500');
    healthy = true;
    await eventually(call, (status) => expect(status).to.equal(200)).catch(explain);
  });

  it('says in the status of its entry and its group whether all who call it know', async () => {
    for (const [kind, resource] of [
      ['workloadentry', name],
      ['workloadgroup', 'web'],
    ] as const) {
      await eventually(
        async () => JSON.parse(await api.kubectl(['get', kind, resource, '-n', 'demo', '-o', 'json'])) as WorkloadEntry,
        ({ status }) => {
          const said = Object.fromEntries((status?.conditions ?? []).map(({ type, status: word }) => [type, word]));
          expect(said).to.include({ Accepted: 'True', Programmed: 'True' });
        },
      ).catch(explain);
    }
  });

  it('comes back as the same entry when its Envoy was gone for a moment', async () => {
    const before = await entry();
    const [envoy = 0] = await machine.children();
    process.kill(envoy, 'SIGKILL');
    await eventually(entry, (now) =>
      expect(now?.metadata.annotations?.['istio.io/connectedAt'])
        .to.be.a('string')
        .and.not.equal(before?.metadata.annotations?.['istio.io/connectedAt']),
    ).catch(explain);
    expect((await entry())?.metadata.uid).to.equal(before?.metadata.uid);
    await eventually(call, (status) => expect(status).to.equal(200)).catch(explain);
  });

  it('comes back after a restart, by its last certificate, when its token’s time is over', async () => {
    const before = await entry();
    await machine.end('SIGTERM');
    await rm(join(machine.folder, 'token'));
    await machine.start();
    await eventually(entry, (now) =>
      expect(now?.metadata.annotations?.['istio.io/connectedAt'])
        .to.be.a('string')
        .and.not.equal(before?.metadata.annotations?.['istio.io/connectedAt']),
    ).catch(explain);
    await eventually(call, (status) => expect(status).to.equal(200)).catch(explain);
    expect(istiod.log()).to.match(/"id":"spiffe:\/\/cluster.local\/ns\/demo\/sa\/web","proof":"certificate"/);
  });

  it('is gone some time after it has left', async () => {
    await machine.end('SIGTERM');
    await eventually(entry, (left) =>
      expect(left?.metadata.annotations).to.have.property('istio.io/disconnectedAt').that.is.a('string'),
    ).catch(explain);
    expect((await entry())?.metadata.annotations).not.to.have.property('istio.io/connectedAt');
    await eventually(entry, (gone) => expect(gone).to.equal(undefined)).catch(explain);
    await eventually(call, (status) => expect(status).to.equal(503)).catch(explain);
  });
});
