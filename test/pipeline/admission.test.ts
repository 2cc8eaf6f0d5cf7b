/** A real API server calls our webhooks; our certificate authority keeps its root in it and asks it about tokens. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, Server, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { parse } from 'yaml';
import { defaultMeshConfig } from '#api/index.ts';
import {
  addCertificateService,
  buildServerCredentials,
  CallerAuthenticator,
  type CertificateAuthority,
  declareCaMetrics,
  ServerCertificate,
} from '#ca/index.ts';
import { makeAuthority } from '#ca/testsupport/authority.ts';
import { makeCsr, p256 } from '#ca/testsupport/openssl.ts';
import { createRootStore, createTokenVerifier } from '#cmd/discovery/kube-adapters.ts';
import { createKubeClient, createKubeconfigConnection, type KubeClient } from '#kube/index.ts';
import { createMetrics, LateenError, silentLogger, systemClock } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';
import {
  declareInjectionMetrics,
  declareValidationMetrics,
  resolveInjectionSettings,
  WebhookServer,
} from '#webhook/index.ts';
import { decode, encode } from '#wire/index.ts';

const clock = systemClock;
const logger = silentLogger;
const pods = new URL('../../webhook/inject/testdata/pods/', import.meta.url);
const definitions = join(import.meta.dirname, '..', '..', 'crds');

describe('with a real API server', function () {
  this.timeout(600_000);
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  let api: ApiServer;
  let client: KubeClient;
  let authority: CertificateAuthority;
  let certificate: ServerCertificate;

  before(async () => {
    api = await startApiServer();
    client = createKubeClient(createKubeconfigConnection({ path: api.kubeconfig }));
    await api.kubectl(['create', 'namespace', 'istio-system']);
    await api.kubectl(['apply', '-f', join(definitions, 'virtualservices.networking.istio.io.yaml')]);
    await api.definitionsServed();
    authority = makeAuthority({ store: createRootStore(client, 'istio-system') });
    certificate = new ServerCertificate({ authority, dnsNames: ['localhost'], clock, logger });
    running.push(certificate.run(stop.signal));
    expect(await authority.refresh()).to.equal(true);
  });

  after(async () => {
    stop.abort();
    await Promise.all(running);
    await client.close();
    await api.stop();
  });

  describe('the webhooks', () => {
    before(async () => {
      const metrics = createMetrics();
      const { settings } = resolveInjectionSettings({}, { global: { hub: 'localhost/lateen', tag: '0.1.0' } });
      const server = new WebhookServer({
        host: 'localhost',
        port: 0,
        certificate,
        injection: { current: () => ({ meshConfig: defaultMeshConfig, settings, parseYaml: (text) => parse(text) }) },
        injectionMetrics: declareInjectionMetrics(metrics),
        validationMetrics: declareValidationMetrics(metrics),
        logger,
      });
      running.push(server.run(stop.signal));
      while (server.port === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const configuration of configurations(server.port, authority.rootsPem)) {
        await api.kubectl(['apply', '-f', '-'], JSON.stringify(configuration));
      }
      await api.kubectl(['create', 'namespace', 'shop']);
      await api.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled']);
      for (const account of ['default', 'bookinfo-reviews']) {
        await api.kubectl(['create', 'serviceaccount', account, '-n', 'shop']);
      }
      await untilInjecting(api);
    });

    for (const file of readdirSync(pods)) {
      it(`inject ${file}, and the API server accepts the result`, async () => {
        const pod = { apiVersion: 'v1', kind: 'Pod', ...parse(readFileSync(new URL(file, pods), 'utf8')) };
        const { spec, metadata } = JSON.parse(
          await api.kubectl(['create', '-n', 'shop', '-o', 'json', '-f', '-'], JSON.stringify(pod)),
        );
        const all: { name: string; restartPolicy?: string }[] = [...(spec.initContainers ?? []), ...spec.containers];
        expect(all.filter(({ name }) => name === 'istio-proxy')).to.have.length(1);
        expect(metadata.annotations).to.have.property('sidecar.istio.io/status');
      });
    }

    it('refuse a pod with a wrong annotation, in words that kubectl shows', async () => {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'wrong', annotations: { 'traffic.sidecar.istio.io/excludeInboundPorts': 'http' } },
        spec: { containers: [{ name: 'app', image: 'app' }] },
      };
      const said = await refusal(api.kubectl(['create', '-n', 'shop', '-f', '-'], JSON.stringify(pod)));
      expect(said).to.include(
        'metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]: must be port numbers',
      );
    });

    it('refuse a VirtualService that the schema alone lets through', async () => {
      const destination = (weight: number) => ({ destination: { host: 'reviews' }, weight });
      const resource = {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'reviews' },
        spec: {
          hosts: ['reviews'],
          http: [{ match: [{ uri: { regex: '(' } }], route: [destination(50), destination(50)] }],
        },
      };
      // The API server need not have seen both configurations at the same time.
      await eventually(
        () =>
          api.kubectl(['create', '--dry-run=server', '-n', 'shop', '-f', '-'], JSON.stringify(resource)).then(
            (output) => `accepted: ${output}`,
            (error: unknown) => LateenError.from(error).message,
          ),
        (said) => expect(said).to.include('VirtualService reviews: spec.http[0].match[0].uri'),
      );
    });
  });

  describe('the certificate authority', () => {
    it('ends with one root when three replicas start at once, and puts it back when it is deleted', async () => {
      await api.kubectl(['create', 'namespace', 'three']);
      const replicas = [1, 2, 3].map(() => makeAuthority({ store: createRootStore(client, 'three') }));
      await Promise.all(replicas.map((replica) => replica.refresh()));
      const roots = new Set(replicas.map((replica) => replica.rootsPem));
      expect(roots.size).to.equal(1);
      const read = async () =>
        JSON.parse(await api.kubectl(['get', 'secret', 'istio-ca-secret', '-n', 'three', '-o', 'json']));
      const stored = await read();
      expect(stored.type).to.equal('istio.io/ca-root');
      expect(Buffer.from(stored.data['root-cert.pem'], 'base64').toString()).to.equal([...roots][0]);
      await api.kubectl(['delete', 'secret', 'istio-ca-secret', '-n', 'three']);
      expect(await replicas[0]?.refresh()).to.equal(true);
      expect((await read()).data).to.deep.equal(stored.data);
    });

    it('signs for the service account of a real token, and for no other audience', async () => {
      const server = new Server();
      const callers = new CallerAuthenticator({
        tokens: createTokenVerifier(client),
        audiences: ['istio-ca'],
        trustDomains: () => ({ trustDomain: 'cluster.local', aliases: [] }),
        trust: () => authority.trust,
        clock,
      });
      addCertificateService(server, { authority, callers, metrics: declareCaMetrics(createMetrics()), logger });
      const port = await new Promise<number>((resolve, reject) => {
        const bound = (error: Error | null, number: number) => (error ? reject(error) : resolve(number));
        server.bindAsync('localhost:0', buildServerCredentials(certificate), bound);
      });
      await api.kubectl(['create', 'serviceaccount', 'reviews', '-n', 'default']);
      const token = async (audience: string) =>
        (await api.kubectl(['create', 'token', 'reviews', '-n', 'default', '--audience', audience])).trim();
      const ask = (bearer: string) => requestCertificate(port, authority.rootsPem, bearer);
      expect(await ask(await token('istio-ca'))).to.deep.include({ code: status.OK, length: 2 });
      expect(await ask(await token('somebody-else'))).to.include({ code: status.UNAUTHENTICATED, length: 0 });
      expect(await ask('a.b.c')).to.include({ code: status.UNAUTHENTICATED, length: 0 });
      server.forceShutdown();
    });
  });
});

/** Webhook configurations that lead to this process. */
function configurations(port: number, roots: string): object[] {
  const common = { admissionReviewVersions: ['v1'], sideEffects: 'None', failurePolicy: 'Fail', timeoutSeconds: 10 };
  const clientConfig = (path: string) => ({
    url: `https://localhost:${port}${path}`,
    caBundle: Buffer.from(roots).toString('base64'),
  });
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'istio-sidecar-injector' },
      webhooks: [
        {
          ...common,
          name: 'namespace.sidecar-injector.istio.io',
          clientConfig: clientConfig('/inject'),
          namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
          reinvocationPolicy: 'IfNeeded',
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
        },
      ],
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'istio-validator-istio-system' },
      webhooks: [
        {
          ...common,
          name: 'validation.istio.io',
          clientConfig: clientConfig('/validate'),
          rules: [
            {
              operations: ['CREATE', 'UPDATE'],
              apiGroups: ['networking.istio.io'],
              apiVersions: ['*'],
              resources: ['*'],
            },
          ],
        },
      ],
    },
  ];
}

/** The API server takes a moment to see new webhook configurations. */
async function untilInjecting(api: ApiServer): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'first' },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
  const create = ['create', '--dry-run=server', '-n', 'shop', '-o', 'json', '-f', '-'];
  while (!(await api.kubectl(create, JSON.stringify(pod))).includes('istio-proxy')) await clock.sleep(100);
}

async function refusal(call: Promise<string>): Promise<string> {
  return call.then(
    (output) => expect.fail(`accepted: ${output}`),
    (error: unknown) => LateenError.from(error).message,
  );
}

async function requestCertificate(
  port: number,
  roots: string,
  token: string,
): Promise<{ code: status; length: number }> {
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(roots)));
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const body = Buffer.from(encode('istio.v1.auth.IstioCertificateRequest', { csr: makeCsr(p256) }));
  const path = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        body,
        metadata,
        (error, reply) => {
          const chain = reply ? (decode('istio.v1.auth.IstioCertificateResponse', reply).certChain ?? []) : [];
          resolve({ code: error?.code ?? status.OK, length: chain.length });
        },
      );
    });
  } finally {
    client.close();
  }
}
