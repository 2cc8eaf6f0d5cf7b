import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { Client, credentials, Metadata, Server, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { decode, encode } from '#wire/index.ts';
import { mintSelfSigned } from './bundle.ts';
import { CallerAuthenticator, type TokenVerdict } from './caller.ts';
import { buildCertificate } from './certificate.ts';
import { declareCaMetrics } from './metrics.ts';
import { buildServerCredentials, ServerCertificate } from './servercertificate.ts';
import { addCertificateService } from './service.ts';
import { issueCredentials, makeAuthority, openAuthority } from './testsupport/authority.ts';
import { makeCsr, p256 } from './testsupport/openssl.ts';

const path = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const serverName = 'istiod.istio-system.svc';
const id = 'spiffe://cluster.local/ns/default/sa/reviews';

/** What the API server would say of these tokens. */
async function verify(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
  if (!audiences.includes('istio-ca')) return { ok: false, reason: 'asked for another audience' };
  if (token === 'reviews-token') return { ok: true, namespace: 'default', serviceAccount: 'reviews' };
  if (token === 'ratings-token') return { ok: true, namespace: 'default', serviceAccount: 'ratings' };
  return { ok: false, reason: 'the token is not valid' };
}

interface KeyPair {
  readonly key: string;
  readonly chain: string;
}

describe('the certificate service', () => {
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  const metrics = createMetrics();
  const ca = declareCaMetrics(metrics);
  const logger = silentLogger;
  const clock = systemClock;
  const authority = makeAuthority({ metrics: ca });
  const serverCertificate = new ServerCertificate({ authority, dnsNames: [serverName], clock, logger });
  const server = new Server();
  const csr = makeCsr(p256);
  let port = 0;

  before(async () => {
    const callers = new CallerAuthenticator({
      tokens: { verify },
      audiences: ['istio-ca'],
      trustDomains: () => ({ trustDomain: 'cluster.local', aliases: [] }),
      trust: () => authority.trust,
      clock,
    });
    addCertificateService(server, { authority, callers, metrics: ca, logger });
    running.push(serverCertificate.run(stop.signal));
    await authority.refresh();
    port = await bind(server, serverCertificate);
  });

  after(async () => {
    server.forceShutdown();
    stop.abort();
    await Promise.all(running);
  });

  async function call(options: { token?: string; pair?: KeyPair; csr?: string; body?: Buffer; ttl?: number }) {
    const { token, pair, ttl = 0 } = options;
    const roots = Buffer.from(authority.rootsPem);
    const client = new Client(
      `127.0.0.1:${port}`,
      pair
        ? credentials.createSsl(roots, Buffer.from(pair.key), Buffer.from(pair.chain))
        : credentials.createSsl(roots),
      { 'grpc.ssl_target_name_override': serverName, 'grpc.use_local_subchannel_pool': 1 },
    );
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const body =
      options.body ??
      Buffer.from(encode('istio.v1.auth.IstioCertificateRequest', { csr: options.csr ?? csr, validityDuration: ttl }));
    try {
      return await new Promise<{ code: status; details: string; chain: readonly string[] }>((resolve) => {
        client.makeUnaryRequest(
          path,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          body,
          metadata,
          (error, reply) => {
            const chain = reply ? (decode('istio.v1.auth.IstioCertificateResponse', reply).certChain ?? []) : [];
            resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', chain });
          },
        );
      });
    } finally {
      client.close();
    }
  }

  /** A key pair of the mesh or, with another issuer, one that only looks like it. */
  function makePair(issuer?: ReturnType<typeof mintSelfSigned>, serviceAccount = 'reviews'): KeyPair {
    if (!issuer) {
      const { privateKey: key, chain } = issueCredentials(authority, { serviceAccount });
      return { key, chain };
    }
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const validity = { notBefore: Date.now() - 1000, notAfter: Date.now() + 60_000 };
    const certificate = buildCertificate(
      { publicKey, subject: [], ...validity, names: { uris: [id] }, authority: false },
      issuer,
    );
    return { key, chain: certificate.toString() + issuer.certificate.toString() };
  }

  it('signs for the identity that the token proves', async () => {
    const { code, chain } = await call({ token: 'reviews-token', ttl: 3600 });
    expect(code).to.equal(status.OK);
    expect(chain[1]).to.equal(authority.rootsPem);
    const leaf = new X509Certificate(chain[0] ?? '');
    expect(leaf.subjectAltName).to.equal(`URI:${id}`);
    expect(leaf.validToDate.getTime() - Date.now()).to.be.within(3500_000, 3600_000);
  });

  it('signs for the identity of a certificate, without a token', async () => {
    const { code, chain } = await call({ pair: makePair() });
    expect(code).to.equal(status.OK);
    expect(new X509Certificate(chain[0] ?? '').subjectAltName).to.equal(`URI:${id}`);
  });

  it('takes the name from the token when the request has none', async () => {
    const { chain } = await call({ token: 'ratings-token', csr: makeCsr(p256, 'plain') });
    expect(new X509Certificate(chain[0] ?? '').subjectAltName).to.equal(
      'URI:spiffe://cluster.local/ns/default/sa/ratings',
    );
  });

  const refused: [string, () => Parameters<typeof call>[0], status][] = [
    ['nothing presented', () => ({}), status.UNAUTHENTICATED],
    ['a token that is not valid', () => ({ token: 'forged' }), status.UNAUTHENTICATED],
    ['an empty token', () => ({ token: '' }), status.UNAUTHENTICATED],
    ['a huge token', () => ({ token: 'x'.repeat(15_000) }), status.UNAUTHENTICATED],
    [
      'a certificate of another authority',
      () => ({ pair: makePair(mintSelfSigned('cluster.local', Date.now())) }),
      status.UNAUTHENTICATED,
    ],
    [
      'a token and a certificate that disagree',
      () => ({ token: 'reviews-token', pair: makePair(undefined, 'ratings') }),
      status.UNAUTHENTICATED,
    ],
    ["somebody else's name", () => ({ token: 'ratings-token' }), status.PERMISSION_DENIED],
    ["an admin's name", () => ({ token: 'reviews-token', csr: makeCsr(p256, 'foreign') }), status.PERMISSION_DENIED],
    [
      'a server name beside its own',
      () => ({ token: 'reviews-token', csr: makeCsr(p256, 'extra') }),
      status.PERMISSION_DENIED,
    ],
    [
      'a certificate authority',
      () => ({ token: 'reviews-token', csr: makeCsr(p256, 'authority') }),
      status.INVALID_ARGUMENT,
    ],
    ['a tiny RSA key', () => ({ token: 'reviews-token', csr: makeCsr(['rsa:1024']) }), status.INVALID_ARGUMENT],
    ['no request', () => ({ token: 'reviews-token', csr: '' }), status.INVALID_ARGUMENT],
    [
      'bytes that are no message',
      () => ({ token: 'reviews-token', body: Buffer.from([0x0a, 0xff, 0xff]) }),
      status.INVALID_ARGUMENT,
    ],
  ];
  for (const [what, options, code] of refused) {
    it(`refuses ${what}`, async () => {
      const answer = await call(options());
      expect(answer.code, answer.details).to.equal(code);
      expect(answer.chain).to.deep.equal([]);
    });
  }

  it('counts what it did', async () => {
    const { text } = await metrics.render();
    expect(text).to.match(/^citadel_server_csr_count [1-9]/m);
    expect(text).to.match(/^citadel_server_success_cert_issuance_count [1-9]/m);
    expect(text).to.match(/^citadel_server_authentication_failure_count [1-9]/m);
    expect(text).to.match(/^citadel_server_csr_parsing_err_count [1-9]/m);
  });
});

describe('the server certificate', () => {
  it('is replaced under a running server', async () => {
    const authority = await openAuthority();
    let wake: () => void = () => undefined;
    // Sleeping ends when the test says so.
    const clock = {
      ...systemClock,
      sleep: (_: number, signal?: AbortSignal) => sleepUntil((resolve) => (wake = resolve), signal),
    };
    const certificate = new ServerCertificate({ authority, dnsNames: [serverName], clock, logger: silentLogger });
    const stop = new AbortController();
    const running = certificate.run(stop.signal);
    const server = new Server();
    const port = await bind(server, certificate);
    const seen: string[] = [];
    for (let round = 0; round < 2; round++) {
      seen.push(await readServerCertificate(port, authority.rootsPem));
      wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen[0]).to.not.equal(seen[1]);
    stop.abort();
    await running;
    server.forceShutdown();
  });
});

function sleepUntil(offer: (resolve: () => void) => void, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    offer(resolve);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function readServerCertificate(port: number, roots: string): Promise<string> {
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, servername: serverName, ca: roots, ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

function bind(server: Server, certificate: ServerCertificate): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', buildServerCredentials(certificate), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
