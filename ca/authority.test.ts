import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { type Clock, LateenError, silentLogger, systemClock } from '#runtime/index.ts';
import type { CertificateAuthority } from './authority.ts';
import { mintSelfSigned, renderCaFiles } from './bundle.ts';
import { buildCertificate } from './certificate.ts';
import { oids } from './oids.ts';
import { makeAuthority } from './testsupport/authority.ts';
import { openssl } from './testsupport/openssl.ts';
import { MemoryStore } from './testsupport/store.ts';
import { verifyPeerCertificate } from './verify.ts';

const hour = 3600_000;
const reviews = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'reviews' };

interface Line {
  readonly level: string;
  readonly message: string;
}

function watchedAuthority(
  store: MemoryStore,
  options: { clock?: Clock; lines?: Line[]; maxTtl?: number } = {},
): CertificateAuthority {
  const { lines = [], ...rest } = options;
  const logger = { ...silentLogger, error: (message: string) => void lines.push({ level: 'error', message }) };
  return makeAuthority({ store, logger, random: () => 0.5, ...rest });
}

function makeKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
}

/** An intermediate under a root that is not stored, as an administrator plugs it in. */
function makePlugged(kind: 'ec' | 'rsa', now = Date.now(), root = mintSelfSigned('offline root', now)) {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-384' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = buildCertificate(
    {
      publicKey,
      subject: [
        [oids.organization, 'Istio'],
        [oids.commonName, 'Intermediate CA'],
      ],
      notBefore: now - hour,
      notAfter: now + 1000 * hour,
      names: {},
      authority: true,
    },
    { privateKey: root.privateKey, certificate: root.certificate },
  );
  return {
    'ca-cert.pem': certificate.toString(),
    'ca-key.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'cert-chain.pem': certificate.toString(),
    'root-cert.pem': root.certificate.toString(),
  };
}

describe('CertificateAuthority', () => {
  it('issues certificates that openssl verifies, with one SPIFFE id and no more', async () => {
    const authority = watchedAuthority(new MemoryStore());
    expect(await authority.refresh()).to.equal(true);
    const { chain, certificate } = authority.issueWorkload(reviews, makeKey());
    const [leaf = '', root = ''] = chain;
    expect(chain).to.have.length(2);
    const files = { 'leaf.pem': leaf, 'root.pem': root };
    expect(
      openssl(['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'root.pem', 'leaf.pem'], files),
    ).to.equal('leaf.pem: OK\n');
    expect(
      openssl(['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'root.pem', 'leaf.pem'], files),
    ).to.equal('leaf.pem: OK\n');
    const text = openssl(['x509', '-in', 'leaf.pem', '-noout', '-text'], files);
    expect(text).to.match(/X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment\n/);
    expect(text).to.match(/X509v3 Basic Constraints: critical\n\s+CA:FALSE\n/);
    expect(text).to.match(
      /Subject Alternative Name: critical\n\s+URI:spiffe:\/\/cluster.local\/ns\/default\/sa\/reviews\n/,
    );
    expect(certificate.subjectAltName).to.equal('URI:spiffe://cluster.local/ns/default/sa/reviews');
    const rootText = openssl(['x509', '-in', 'root.pem', '-noout', '-text'], files);
    expect(rootText).to.match(/Key Usage: critical\n\s+Certificate Sign, CRL Sign\n/);
    expect(rootText).to.match(/CA:TRUE/);
  });

  it('back-dates by two minutes, lasts a day by default and is clamped', async () => {
    const now = Date.UTC(2026, 10, 23, 12);
    const authority = watchedAuthority(new MemoryStore(), {
      clock: { ...systemClock, now: () => now },
      maxTtl: 48 * hour,
    });
    await authority.refresh();
    const validity = (ttl?: number) => {
      const { certificate } = authority.issueWorkload(reviews, makeKey(), ttl);
      return [certificate.validFromDate.getTime() - now, certificate.validToDate.getTime() - now];
    };
    expect(validity()).to.deep.equal([-120_000, 24 * hour]);
    expect(validity(hour)).to.deep.equal([-120_000, hour]);
    expect(validity(1000 * hour)).to.deep.equal([-120_000, 48 * hour]);
  });

  it('ends with one root when three replicas start at once', async () => {
    const store = new MemoryStore();
    const replicas = [watchedAuthority(store), watchedAuthority(store), watchedAuthority(store)];
    await Promise.all(replicas.map((replica) => replica.refresh()));
    expect(store.created).to.equal(1);
    expect(new Set(replicas.map((replica) => replica.rootsPem))).to.have.property('size', 1);
    const [first, second] = replicas;
    const issued = first?.issueWorkload(reviews, makeKey());
    expect(
      verifyPeerCertificate([issued?.certificate.raw ?? Buffer.alloc(0)], second?.trust ?? { roots: [] }, Date.now()),
    ).to.deep.include({
      ok: true,
      identity: reviews,
    });
  });

  it('goes on with the root in memory when the stored one is garbage, unreadable or another one, and says so once', async () => {
    const store = new MemoryStore();
    const lines: Line[] = [];
    const authority = watchedAuthority(store, { lines });
    await authority.refresh();
    const before = authority.rootsPem;
    const kept = store.stored;
    const breakages: (() => void)[] = [
      () => (store.stored = { ...kept, 'ca-key.pem': 'garbage' }),
      () => (store.stored = {}),
      () => (store.fault = 'the API server is away'),
      () => (store.stored = renderCaFiles(mintSelfSigned('somebody', Date.now()))),
    ];
    for (const breakage of breakages) {
      store.fault = undefined;
      lines.length = 0;
      breakage();
      expect(await authority.refresh()).to.equal(false);
      expect(await authority.refresh()).to.equal(false);
      expect(lines).to.have.length(1);
      expect(authority.rootsPem).to.equal(before);
      expect(authority.issueWorkload(reviews, makeKey()).chain[1]).to.equal(before);
    }
    expect(store.created).to.equal(1);
    store.stored = kept;
    expect(await authority.refresh()).to.equal(true);
  });

  it('stores the same root again when it was deleted', async () => {
    const store = new MemoryStore();
    const lines: Line[] = [];
    const authority = watchedAuthority(store, { lines });
    await authority.refresh();
    const before = store.stored;
    store.stored = undefined;
    expect(await authority.refresh()).to.equal(true);
    expect(store.stored).to.deep.equal(before);
    expect(lines.map((line) => line.level)).to.deep.equal(['error']);
  });

  it('never makes a root beside a broken one', async () => {
    const store = new MemoryStore();
    store.stored = { 'ca-cert.pem': 'garbage', 'ca-key.pem': 'garbage' };
    const authority = watchedAuthority(store);
    expect(await authority.refresh()).to.equal(false);
    expect(authority.ready).to.equal(false);
    expect(store.created).to.equal(0);
    expect(() => authority.issueWorkload(reviews, makeKey()))
      .to.throw(LateenError)
      .with.property('code', 'unavailable');
  });

  for (const kind of ['ec', 'rsa'] as const) {
    it(`signs with a plugged-in intermediate (${kind}) and sends the chain`, async () => {
      const store = new MemoryStore();
      store.plugged = makePlugged(kind);
      const authority = watchedAuthority(store);
      expect(await authority.refresh()).to.equal(true);
      const { chain, certificate } = authority.issueWorkload(reviews, makeKey());
      const [leaf = '', intermediate = '', root = ''] = chain;
      expect(chain).to.have.length(3);
      expect(root).to.equal(store.plugged['root-cert.pem']);
      const files = { 'leaf.pem': leaf, 'intermediate.pem': intermediate, 'root.pem': root };
      const args = ['verify', '-x509_strict', '-untrusted', 'intermediate.pem', '-CAfile', 'root.pem', 'leaf.pem'];
      expect(openssl(args, files)).to.equal('leaf.pem: OK\n');
      expect(verifyPeerCertificate([certificate.raw], authority.trust, Date.now())).to.have.property('ok', true);
      expect(store.created).to.equal(0);
    });
  }

  it('takes a new intermediate under the same root, and tells listeners', async () => {
    const root = mintSelfSigned('offline root', Date.now());
    const store = new MemoryStore();
    store.plugged = makePlugged('ec', Date.now(), root);
    const authority = watchedAuthority(store);
    let changes = 0;
    const stop = authority.onChange(() => changes++);
    await authority.refresh();
    await authority.refresh();
    expect(changes).to.equal(1);
    const next = makePlugged('ec', Date.now(), root);
    store.plugged = next;
    await authority.refresh();
    expect(changes).to.equal(2);
    expect(authority.issueWorkload(reviews, makeKey()).chain[1]).to.equal(next['ca-cert.pem']);
    stop();
  });

  it('refuses files that do not belong together', async () => {
    const good = makePlugged('ec');
    const other = makePlugged('ec');
    const leaf = renderLeaf();
    const broken: [string, Readonly<Record<string, string>>][] = [
      ['another key', { ...good, 'ca-key.pem': other['ca-key.pem'] }],
      ['another root', { ...good, 'root-cert.pem': other['root-cert.pem'] }],
      ['no authority', leaf],
      ['no key', { 'ca-cert.pem': good['ca-cert.pem'] }],
      ['expired', makePlugged('ec', Date.now() - 2000 * hour)],
    ];
    for (const [what, files] of broken) {
      const store = new MemoryStore();
      store.plugged = files;
      expect(await watchedAuthority(store).refresh(), what).to.equal(false);
      expect(store.created, what).to.equal(0);
    }
  });

  it('stores keys that openssl and Istio read', async () => {
    const store = new MemoryStore();
    await watchedAuthority(store).refresh();
    const key = store.stored?.['ca-key.pem'] ?? '';
    expect(key).to.match(/^-----BEGIN EC PRIVATE KEY-----/);
    const fromKey = openssl(['pkey', '-in', 'key.pem', '-pubout'], { 'key.pem': key });
    const certificate = new X509Certificate(store.stored?.['ca-cert.pem'] ?? '');
    expect(createPublicKey(fromKey).equals(certificate.publicKey)).to.equal(true);
  });
});

function renderLeaf(): Readonly<Record<string, string>> {
  const now = Date.now();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const root = mintSelfSigned('root', now);
  const certificate = buildCertificate(
    {
      publicKey,
      subject: [],
      notBefore: now - hour,
      notAfter: now + hour,
      names: { uris: ['spiffe://a/ns/b/sa/c'] },
      authority: false,
    },
    { privateKey: root.privateKey, certificate: root.certificate },
  );
  return {
    'ca-cert.pem': certificate.toString(),
    'ca-key.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'root-cert.pem': root.certificate.toString(),
  };
}
