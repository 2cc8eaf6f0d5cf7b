import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { enterNamespaces } from '#hack/cluster/index.ts';
import { readPeers } from '#hack/demo/report.ts';
import { countVersions, sendTraffic } from '#hack/demo/traffic.ts';
import { type Cluster, eventually } from '#test/support/cluster.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';

const run = promisify(execFile);
const system = 'istio-system';

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed certificate for one host, by openssl. */
async function createPair(host: string): Promise<Pair> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-pair-'));
  try {
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      key,
      '-out',
      certificate,
    ]);
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const secret = (name: string, pair: Pair) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/tls',
  metadata: { name, namespace: system },
  stringData: { 'tls.crt': pair.certificate, 'tls.key': pair.key },
});

const hosts = { shop: 'shop.example.com', blog: 'blog.example.com' } as const;

const gateway = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'traffic-https' },
  spec: {
    selector: { istio: 'ingressgateway' },
    servers: Object.entries(hosts).map(([name, host]) => ({
      port: { number: 443, name: `https-${name}`, protocol: 'HTTPS' },
      hosts: [host],
      tls: { mode: 'SIMPLE', credentialName: `traffic-${name}` },
    })),
  },
};

const toProductPage = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'traffic-https' },
  spec: {
    hosts: Object.values(hosts),
    gateways: ['traffic-https'],
    http: [{ route: [{ destination: { host: 'productpage', port: { number: 9080 } } }] }],
  },
};

/** One HTTPS request by SNI: the status and the certificate that was shown; undefined when the connection failed. */
function requestHttps(
  address: string,
  host: string,
): Promise<{ status: number; certificate: PeerCertificate } | undefined> {
  return new Promise((resolve) => {
    const call = request(
      {
        host: address,
        port: 443,
        path: '/productpage',
        servername: host,
        headers: { host },
        rejectUnauthorized: false,
        agent: false,
        timeout: 10_000,
      },
      (response) => {
        const certificate = (response.socket as TLSSocket).getPeerCertificate();
        response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, certificate }));
      },
    );
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

describe('traffic through the mesh', () => {
  let mesh: Mesh;
  let cluster: Cluster;

  before(async function () {
    this.timeout(600_000);
    mesh = await useMesh();
    ({ cluster } = mesh);
  });

  it('is split by weight behind the ingress gateway, on a page of real HTML', async () => {
    const bodies = await sendTraffic(`http://${mesh.gateway}/productpage`, 400);
    expect(bodies[0]).to.match(/^<!doctype html>/i);
    for (const { version, count, weight } of countVersions(bodies)) {
      expect((100 * count) / bodies.length, `share of reviews ${version}`).to.be.closeTo(weight, 12);
    }
  });

  it('follows a header match before the weights', async () => {
    for (let tries = 0; tries < 10; tries += 1) {
      const body = await (
        await fetch(`http://${mesh.gateway}/productpage`, { headers: { 'end-user': 'jason' } })
      ).text();
      expect(/id="reviews-version">([^<]*)</.exec(body)?.[1]).to.equal('v2');
    }
  });

  it('is mutual TLS between the SPIFFE ids of both service accounts', async () => {
    await sendTraffic(`http://${mesh.gateway}/productpage`, 20);
    const peers = await readPeers(cluster.layout);
    const pairs = new Set(
      peers.map(({ security, source, destination }) => `${security} ${nameOf(source)} ${nameOf(destination)}`),
    );
    expect([...pairs]).to.include.members([
      'mutual_tls istio-system/istio-ingressgateway-service-account bookinfo/bookinfo-productpage',
      'mutual_tls bookinfo/bookinfo-productpage bookinfo/bookinfo-details',
      'mutual_tls bookinfo/bookinfo-productpage bookinfo/bookinfo-reviews',
      'mutual_tls bookinfo/bookinfo-reviews bookinfo/bookinfo-ratings',
    ]);
  });

  describe('of a client without a sidecar', () => {
    /** The status of a plaintext request from the node to a pod's own address; 0 when the connection was refused. */
    const requestPlaintext = async (): Promise<number> => {
      const ip = await cluster.kubectl([
        'get',
        'pods',
        '-n',
        mesh.namespace,
        '-l',
        'app=details',
        '-o',
        'jsonpath={.items[0].status.podIP}',
      ]);
      const curl = [
        'curl',
        '--silent',
        '--max-time',
        '10',
        '--output',
        '/dev/null',
        '--write-out',
        '%{http_code}',
        `http://${ip}:9080/details/0`,
      ];
      const [program = '', ...parameters] = enterNamespaces(cluster.layout, curl);
      try {
        return Number((await run(program, parameters)).stdout);
      } catch (error) {
        if (error instanceof Error && 'stdout' in error) return Number(error.stdout);
        throw error;
      }
    };
    const peerAuthentication = (mode: string) => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'traffic-strict' },
      spec: { mtls: { mode } },
    });
    after(() =>
      cluster.kubectl(['delete', 'peerauthentication', 'traffic-strict', '-n', mesh.namespace, '--ignore-not-found']),
    );

    it('is let in while mutual TLS is PERMISSIVE, refused while it is STRICT, and let in again', async function () {
      this.timeout(120_000);
      expect(await requestPlaintext(), 'permissive by default').to.equal(200);
      await cluster.apply([peerAuthentication('STRICT')], mesh.namespace);
      await eventually('plaintext is refused', async () => ((await requestPlaintext()) === 0 ? true : undefined));
      await sendTraffic(`http://${mesh.gateway}/productpage`, 20);
      await cluster.apply([peerAuthentication('PERMISSIVE')], mesh.namespace);
      await eventually('plaintext is let in again', async () =>
        (await requestPlaintext()) === 200 ? true : undefined,
      );
    });
  });

  describe('over HTTPS at the ingress gateway', () => {
    const shown = async (host: string) => {
      const answer = await requestHttps(mesh.gateway, host);
      return answer?.status === 200 ? answer.certificate.subject.CN : undefined;
    };
    after(async () => {
      await cluster.kubectl([
        'delete',
        'gateway.networking.istio.io,virtualservice',
        'traffic-https',
        '-n',
        mesh.namespace,
        '--ignore-not-found',
      ]);
      await cluster.kubectl(['delete', 'secret', 'traffic-shop', 'traffic-blog', '-n', system, '--ignore-not-found']);
    });

    it('shows the certificate of the host that was asked for, and one whose Secret is missing harms no other', async function () {
      this.timeout(180_000);
      await cluster.apply([secret('traffic-shop', await createPair(hosts.shop))]);
      await cluster.apply([gateway, toProductPage], mesh.namespace);
      await eventually('the shop answers', async () => ((await shown(hosts.shop)) === hosts.shop ? true : undefined));
      expect(await shown(hosts.blog), 'no Secret yet').to.equal(undefined);
      const missing = await eventually('the Gateway says what is missing', async () => {
        const path =
          'jsonpath={.status.conditions[?(@.type=="ResolvedRefs")].status} {.status.conditions[?(@.type=="ResolvedRefs")].message}';
        const text = await cluster.kubectl([
          'get',
          'gateway.networking.istio.io',
          'traffic-https',
          '-n',
          mesh.namespace,
          '-o',
          path,
        ]);
        return text.startsWith('False') ? text : undefined;
      });
      expect(missing).to.contain('spec.servers[1].tls.credentialName');

      await cluster.apply([secret('traffic-blog', await createPair(hosts.blog))]);
      await eventually('the blog answers', async () => ((await shown(hosts.blog)) === hosts.blog ? true : undefined));
      expect(await shown(hosts.shop)).to.equal(hosts.shop);
    });

    it('takes a renewed certificate without a restart', async function () {
      this.timeout(120_000);
      const before = (await requestHttps(mesh.gateway, hosts.shop))?.certificate.fingerprint256;
      expect(before).to.be.a('string');
      await cluster.apply([secret('traffic-shop', await createPair(hosts.shop))]);
      await eventually('the renewed certificate', async () => {
        const now = (await requestHttps(mesh.gateway, hosts.shop))?.certificate.fingerprint256;
        return now !== undefined && now !== before ? now : undefined;
      });
    });
  });
});

/** `namespace/account` of a SPIFFE id. */
function nameOf(id: string): string {
  return id.replace(/^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/(.+)$/, '$1/$2');
}
