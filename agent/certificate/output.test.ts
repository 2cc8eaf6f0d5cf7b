import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readHeld } from './held.ts';
import { privateAccess, sharedAccess, writeOutput } from './output.ts';

/** A certificate that is its own authority; only that it belongs to its key matters here. */
function issue(root = '') {
  const parameters = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/O=test'];
  const pem = execFileSync('openssl', ['req', '-x509', ...parameters, '-keyout', '-'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const block = (label: string) => new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n`).exec(pem)?.[0];
  return { chain: block('CERTIFICATE') ?? '', privateKey: block('PRIVATE KEY') ?? '', root };
}

describe('certificates in a folder', () => {
  let folder: string;
  const read = (name: string) => readFile(join(folder, name), 'utf8');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-certs-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('have Istio’s names, and nothing else is left behind', async () => {
    await writeOutput(folder, issue('a root'), privateAccess);
    const last = issue();
    await writeOutput(folder, last, privateAccess);
    expect(await read('key.pem')).to.equal(last.privateKey);
    expect(await read('cert-chain.pem')).to.equal(last.chain);
    expect(await read('root-cert.pem'), 'stays').to.equal('a root');
    const names = (await readdir(folder)).sort();
    expect(names.slice(1)).to.deep.equal(['..data', 'cert-chain.pem', 'key.pem', 'root-cert.pem']);
    expect(names[0]).to.match(/^\.\.certificate-/);
  });

  it('take the place of files that were there', async () => {
    for (const name of ['key.pem', 'cert-chain.pem', 'root-cert.pem']) await writeFile(join(folder, name), 'old');
    const { chain, privateKey } = issue();
    await writeOutput(folder, { chain, privateKey, root: '' }, privateAccess);
    expect([await read('key.pem'), await read('cert-chain.pem')]).to.deep.equal([privateKey, chain]);
    expect(await read('root-cert.pem')).to.equal('old');
  });

  it('change together: whoever reads through the folder they lie in never sees two of different pairs', async () => {
    await writeOutput(folder, issue(), privateAccess);
    const seen = new Set<string>();
    const read = async () => {
      const current = join(folder, await readlink(join(folder, '..data')));
      const files = ['cert-chain.pem', 'key.pem'].map((name) => readFile(join(current, name), 'utf8'));
      // The folder of a certificate that was replaced meanwhile may be gone.
      const [chain, key] = await Promise.all(files).catch(() => []);
      if (chain === undefined || key === undefined) return;
      expect(new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))).to.equal(true);
      seen.add(chain);
    };
    const pairs = Array.from({ length: 4 }, () => issue());
    while (seen.size < pairs.length)
      for (const pair of pairs) await Promise.all([writeOutput(folder, pair, privateAccess), read(), read()]);
  });

  it('are for this user alone, or for all where containers share the folder', async () => {
    const modes = async () =>
      await Promise.all(['key.pem', '..data'].map(async (name) => (await stat(join(folder, name))).mode & 0o777));
    await writeOutput(folder, issue(), privateAccess);
    expect(await modes()).to.deep.equal([0o600, 0o700]);
    await writeOutput(folder, issue(), sharedAccess);
    expect(await modes()).to.deep.equal([0o644, 0o755]);
  });

  it('are refused where key and certificate do not belong together, without a word of the key', async () => {
    await writeOutput(folder, { ...issue(), privateKey: issue().privateKey }, privateAccess);
    const refusal = async () => {
      try {
        return await readHeld(folder);
      } catch (thrown) {
        return String(thrown);
      }
    };
    expect(await refusal()).to.contain('key.pem in');
    await writeOutput(folder, { ...issue(), privateKey: 'nonsense' }, privateAccess);
    expect(await refusal()).to.match(/key\.pem is no private key$/);
    const good = issue();
    await writeOutput(folder, good, privateAccess);
    expect(await readHeld(folder)).to.deep.include({ chain: good.chain, privateKey: good.privateKey });
  });
});
