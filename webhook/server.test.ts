import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { defaultMeshConfig } from '#api/index.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import type { Pod } from './inject/pod.ts';
import { resolveInjectionSettings } from './inject/settings.ts';
import { declareInjectionMetrics, type InjectionSource } from './injector.ts';
import { declareValidationMetrics, type ServerCertificateSource, WebhookServer } from './server.ts';

const serverName = 'istiod.istio-system.svc';

/** A self-signed certificate for the server's name. */
function makeCertificate(): { readonly certificate: string; readonly privateKey: string } {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-webhook-'));
  try {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
    const names = ['-subj', `/CN=${serverName}`, '-addext', `subjectAltName=DNS:${serverName}`];
    const options: ExecFileSyncOptions = { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] };
    execFileSync('openssl', ['req', '-x509', ...key, ...names, '-days', '1', '-out', 'cert.pem'], options);
    const read = (name: string) => readFileSync(join(directory, name), 'utf8');
    return { certificate: read('cert.pem'), privateKey: read('key.pem') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly fingerprint: string;
}

describe('WebhookServer', () => {
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  const metrics = createMetrics();
  const logger = silentLogger;
  const listeners = new Set<Parameters<ServerCertificateSource['onChange']>[0]>();
  const certificate: ServerCertificateSource = {
    onChange: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
  let trusted = '';
  const rotate = () => {
    const pair = makeCertificate();
    trusted += pair.certificate;
    for (const listener of listeners) listener(pair);
  };
  let context: ReturnType<InjectionSource['current']> = {
    meshConfig: defaultMeshConfig,
    settings: resolveInjectionSettings({}, {}).settings,
    parseYaml: (text) => parse(text),
  };
  const server = new WebhookServer({
    host: '127.0.0.1',
    port: 0,
    certificate,
    injection: { current: () => context },
    injectionMetrics: declareInjectionMetrics(metrics),
    validationMetrics: declareValidationMetrics(metrics),
    logger,
  });

  before(async () => {
    running.push(server.run(stop.signal));
    while (server.port === 0) await new Promise((resolve) => setImmediate(resolve));
    rotate();
  });

  after(async () => {
    stop.abort();
    await Promise.all(running);
  });

  function post(
    path: string,
    body: string | Buffer,
    headers: RequestOptions['headers'] = {},
    method = 'POST',
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: server.port,
          servername: serverName,
          ca: trusted,
          path,
          method,
          headers: { 'content-type': 'application/json', ...headers },
          agent: false,
        },
        (incoming) => {
          const socket = incoming.socket;
          const fingerprint =
            'getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function'
              ? String(socket.getPeerCertificate().fingerprint256)
              : '';
          let text = '';
          incoming.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text, fingerprint }));
        },
      );
      // A server that refuses a large body closes while we still send it.
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  const review = (kind: object, object: unknown, operation = 'CREATE') =>
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { uid: 'u-1', kind, name: 'n', namespace: 'default', operation, object },
    });
  const podReview = (pod: Pod) => review({ group: '', version: 'v1', kind: 'Pod' }, pod);
  const pod: Pod = { metadata: { name: 'a' }, spec: { containers: [{ name: 'app', image: 'app' }] } };
  const virtualService = { group: 'networking.istio.io', version: 'v1', kind: 'VirtualService' };
  const routes = (spec: unknown) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'n' },
    spec,
  });

  async function ask(path: string, body: string) {
    const reply = await post(path, body);
    expect(reply.status, reply.body).to.equal(200);
    const { response } = JSON.parse(reply.body);
    expect(response.uid).to.equal('u-1');
    return response;
  }

  it('answers an injection with a JSON patch', async () => {
    const response = await ask('/inject/cluster/east--slash--1/net/n', podReview(pod));
    expect(response).to.include({ allowed: true, patchType: 'JSONPatch' });
    const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString());
    expect(patch.map((operation: { path: string }) => operation.path)).to.deep.equal([
      '/metadata/labels',
      '/metadata/annotations',
      '/spec/initContainers',
      '/spec/volumes',
    ]);
    expect(JSON.stringify(patch)).to.include('"value":"east/1"');
  });

  it('lets a pod without a sidecar through unchanged', async () => {
    const response = await ask('/inject', podReview({ ...pod, spec: { containers: [], hostNetwork: true } }));
    expect(response).to.deep.equal({ uid: 'u-1', allowed: true });
  });

  it('refuses a pod with the path of the annotation', async () => {
    const response = await ask(
      '/inject',
      podReview({ ...pod, metadata: { annotations: { 'sidecar.istio.io/proxyCPU': 'x' } } }),
    );
    expect(response.allowed).to.equal(false);
    expect(response.status.message).to.include(
      'metadata.annotations["sidecar.istio.io/proxyCPU"]: must be a Kubernetes quantity',
    );
  });

  it('refuses pods until the mesh configuration is known', async () => {
    const before = context;
    context = undefined;
    expect(await ask('/inject', podReview(pod))).to.include({ allowed: false });
    context = before;
  });

  it('accepts a valid resource', async () => {
    const spec = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }] };
    expect(await ask('/validate', review(virtualService, routes(spec)))).to.deep.equal({ uid: 'u-1', allowed: true });
  });

  it('refuses an invalid one with the path and the reason', async () => {
    const spec = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 5 } }] }] };
    const response = await ask('/validate', review(virtualService, routes(spec)));
    expect(response.allowed).to.equal(false);
    expect(response.status.message).to.match(/^VirtualService n: spec\.http\[0\]\.route\[0\]\.destination\.host: /);
  });

  it('tells the first mistakes of many, and looks at no more than an object can hold', async () => {
    const faulty = (count: number) => review(virtualService, routes({ hosts: Array(count).fill(5) }));
    const many = await ask('/validate', faulty(1_000));
    expect(many.status.message).to.match(/spec\.hosts\[19\]: [^;]+; and 980 more$/);
    const most = await ask('/validate', faulty(200_000));
    expect(most.status.message).to.equal('VirtualService n: more than 100000 values');
  });

  it('warns about unknown fields', async () => {
    const spec = { hosts: ['reviews'], http: [{ rout: 1, route: [{ destination: { host: 'reviews' } }] }] };
    const response = await ask('/validate', review(virtualService, routes(spec)));
    expect(response).to.deep.include({ allowed: true, warnings: ['spec.http[0].rout: unknown field'] });
  });

  it('allows deletions and kinds that it does not know', async () => {
    expect(await ask('/validate', review(virtualService, null, 'DELETE'))).to.deep.equal({ uid: 'u-1', allowed: true });
    const unknown = await ask('/validate', review({ ...virtualService, kind: 'Mirror' }, {}));
    expect(unknown.allowed).to.equal(true);
    expect(unknown.warnings).to.have.length(1);
  });

  const odd: [string, number, () => Promise<Reply>][] = [
    ['an empty body', 400, () => post('/validate', '')],
    ['no JSON', 400, () => post('/inject', '{')],
    ['another document', 400, () => post('/inject', '{"kind": "Pod"}')],
    [
      'a review without a request',
      400,
      () => post('/inject', '{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}'),
    ],
    ['a review of something else to inject', 400, () => post('/inject', review(virtualService, {}))],
    ['deep nesting', 400, () => post('/validate', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    ['another content type', 415, () => post('/validate', 'a', { 'content-type': 'text/yaml' })],
    ['GET', 405, () => post('/inject', '', {}, 'GET')],
    ['another path', 404, () => post('/', '{}')],
    ['a badly encoded path', 400, () => post('/inject/cluster/%ff', podReview(pod))],
    [
      'a body that announces 4 MiB',
      413,
      () => post('/validate', Buffer.alloc(16), { 'content-length': String(4 * 1024 * 1024) }),
    ],
    [
      'a body that grows to 4 MiB',
      413,
      () => post('/inject', Buffer.alloc(4 * 1024 * 1024, 32), { 'transfer-encoding': 'chunked' }),
    ],
  ];
  for (const [what, status, send] of odd) {
    it(`answers ${what} with ${status}`, async () => {
      expect(await send()).to.have.property('status', status);
    });
  }

  it('survives objects of any shape', async () => {
    const shapes = [
      null,
      1,
      'x',
      [],
      {},
      { spec: null },
      { spec: { containers: 'x' } },
      { spec: { containers: [null] } },
      { metadata: 1, spec: { containers: [{}] } },
    ];
    for (const shape of shapes) {
      for (const path of ['/inject', '/validate']) {
        const kind = path === '/inject' ? { group: '', version: 'v1', kind: 'Pod' } : virtualService;
        expect((await post(path, review(kind, shape))).status, `${path} ${JSON.stringify(shape)}`).to.be.oneOf([
          200, 400,
        ]);
      }
    }
  });

  it('takes names of its metrics from what it serves only', async () => {
    await ask('/validate', review({ group: 'networking.istio.io', version: 'v99', kind: 'Made-up' }, {}));
    const { text } = await metrics.render();
    expect(text).to.not.include('Made-up');
    expect(text).to.match(/galley_validation_failed\{[^}]*resource="VirtualService"\} [1-9]/);
    expect(text).to.match(/^sidecar_injection_success_total [1-9]/m);
  });

  it('uses a new certificate for new connections', async () => {
    const before = await post('/ready', '', {}, 'GET');
    rotate();
    const after = await post('/ready', '', {}, 'GET');
    expect([before.status, after.status]).to.deep.equal([200, 200]);
    expect(after.fingerprint).to.not.equal(before.fingerprint);
  });
});
