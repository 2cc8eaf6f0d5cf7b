import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { codec } from '#wire/agent.ts';
import { createLogger } from '../log.ts';
import { parseFileSecret } from './filenames.ts';
import { FileSecrets } from './files.ts';
import { SecretStore } from './secrets.ts';

const secretName = 'envoy.extensions.transport_sockets.tls.v3.Secret';

describe('the name of a secret in files', () => {
  it('is Istio’s, and anything else stands for no file', () => {
    expect(parseFileSecret('file-cert:/a/cert.pem~/a/key.pem')).to.deep.equal({
      ...{ kind: 'certificate', certificate: '/a/cert.pem', key: '/a/key.pem' },
    });
    expect(parseFileSecret('file-root:/a/ca.pem')).to.deep.equal({ kind: 'roots', paths: ['/a/ca.pem'] });
    expect(parseFileSecret('file-root:/a/ca.pem~/a/ca.crl')).to.deep.equal({
      ...{ kind: 'roots', paths: ['/a/ca.pem'], crl: '/a/ca.crl' },
    });
    expect(parseFileSecret('file-root:system~/a/ca.crl')).to.include({ crl: '/a/ca.crl' });
    expect(parseFileSecret('file-root:system')).to.have.property('paths').that.includes('/etc/ssl/cert.pem');
    for (const name of [
      'file-cert:/a',
      'file-cert:~/k',
      'file-cert:/a~/b~/c',
      'file-root:',
      'file-root:/a~',
      'kubernetes://a',
      '',
    ])
      expect(parseFileSecret(name), name).to.equal(undefined);
  });
});

describe('secrets in files', () => {
  let folder: string;
  let store: SecretStore;
  let lines: string[];
  let stop: AbortController;
  let running: Promise<void>;
  /** Lets the next look at the files begin, and waits until it is over. */
  let look: () => Promise<void>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-files-'));
    store = new SecretStore();
    lines = [];
    stop = new AbortController();
    let wake: () => void = () => undefined;
    let asleep = Promise.withResolvers<void>();
    const clock = {
      now: () => 0,
      monotonic: () => 0,
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          if (signal?.aborted) reject(signal.reason);
          wake = resolve;
          asleep.resolve();
        }),
    };
    const log = createLogger({ level: 'debug', json: false, clock, write: (line) => lines.push(line) });
    running = new FileSecrets({ store, interval: 1, clock, log }).run(stop.signal);
    await asleep.promise;
    look = () => {
      asleep = Promise.withResolvers();
      wake();
      return asleep.promise;
    };
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(folder, { recursive: true });
  });

  const path = (name: string) => join(folder, name);
  const pair = () => `file-cert:${path('cert.pem')}~${path('key.pem')}`;
  const create = (certificate: string, key: string) =>
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=a', '-keyout', path(key), '-out', path(certificate)],
    ]);
  const held = (name: string) => {
    const { bytes } = store.get(name) ?? {};
    return bytes === undefined ? undefined : codec.decode(secretName, bytes);
  };
  const certificate = () =>
    Buffer.from(held(pair())?.tlsCertificate?.certificateChain?.inlineBytes ?? []).toString() || undefined;

  it('are read when they are asked for, and followed', async () => {
    create('cert.pem', 'key.pem');
    expect(held(pair())).to.equal(undefined);
    store.want(pair());
    await look();
    const first = await readFile(path('cert.pem'), 'utf8');
    expect(certificate()).to.equal(first);
    expect(Buffer.from(held(pair())?.tlsCertificate?.privateKey?.inlineBytes ?? []).toString()).to.equal(
      await readFile(path('key.pem'), 'utf8'),
    );
    create('cert.pem', 'key.pem');
    await look();
    expect(certificate())
      .to.equal(await readFile(path('cert.pem'), 'utf8'))
      .and.not.equal(first);
  });

  it('stay as they were while half of them is replaced, or they are broken or gone, which is said once', async () => {
    create('cert.pem', 'key.pem');
    store.want(pair());
    await look();
    const first = certificate();
    create('cert.pem', 'next.pem');
    await look();
    await look();
    expect(certificate()).to.equal(first);
    expect(lines.filter((line) => line.includes('is not the key of'))).to.have.length(1);
    await writeFile(path('cert.pem'), '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n');
    await look();
    expect(lines.at(-1)).to.contain('holds no certificate that can be read');
    await rm(path('cert.pem'));
    await look();
    expect(lines.at(-1)).to.contain('ENOENT');
    expect(certificate()).to.equal(first);
    expect(lines.join('')).not.to.contain('PRIVATE KEY');
  });

  it('are given out once they are there, and forgotten with the last who asks', async () => {
    store.want(pair());
    store.want(pair());
    await look();
    expect(held(pair())).to.equal(undefined);
    create('cert.pem', 'key.pem');
    await look();
    store.release(pair());
    expect(certificate()).to.be.a('string');
    store.release(pair());
    expect(held(pair())).to.equal(undefined);
    await look();
    expect(held(pair())).to.equal(undefined);
  });

  it('are roots only where they hold certificates: nothing else of the container can be had', async () => {
    create('ca.pem', 'key.pem');
    const roots = `file-root:${path('ca.pem')}`;
    const key = `file-root:${path('key.pem')}`;
    store.want(roots);
    store.want(key);
    await look();
    const bundle = Buffer.from(held(roots)?.validationContext?.trustedCa?.inlineBytes ?? []).toString();
    expect(new X509Certificate(bundle).subject).to.equal('CN=a');
    expect(held(key)).to.equal(undefined);
    expect(lines.join('')).to.contain('holds no certificate');
  });

  it('are roots with what these have revoked, and neither without the other', async () => {
    create('ca.pem', 'key.pem');
    const roots = `file-root:${path('ca.pem')}~${path('ca.crl')}`;
    store.want(roots);
    await look();
    expect(held(roots)).to.equal(undefined);
    const list = '-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n';
    await writeFile(path('ca.crl'), list);
    await look();
    expect(Buffer.from(held(roots)?.validationContext?.crl?.inlineBytes ?? []).toString()).to.equal(list);
    await writeFile(path('ca.crl'), '');
    await look();
    expect(lines.at(-1)).to.contain('holds no revocation list');
    expect(Buffer.from(held(roots)?.validationContext?.crl?.inlineBytes ?? []).toString()).to.equal(list);
  });

  it('are the public roots where the system’s are asked for', async () => {
    store.want('file-root:system');
    await look();
    const { inlineBytes } = held('file-root:system')?.validationContext?.trustedCa ?? {};
    expect(Buffer.from(inlineBytes ?? []).toString()).to.match(/^-----BEGIN CERTIFICATE-----/);
  });
});
