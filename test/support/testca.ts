/** An authority of somebody's own: issues certificates of either kind of key, revokes them and says so in a list. By OpenSSL. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM. */
export interface IssuedPair {
  readonly certificate: string;
  readonly key: string;
}

const keyKinds = {
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
} as const;

export class TestCa {
  readonly #folder: string;
  /** PEM of its own certificate. */
  readonly root: string;

  private constructor(folder: string, root: string) {
    this.#folder = folder;
    this.root = root;
  }

  static async create(): Promise<TestCa> {
    const folder = await mkdtemp(join(tmpdir(), 'lateen-ca-'));
    const at = (name: string) => join(folder, name);
    await writeFile(at('index.txt'), '');
    await writeFile(at('crlnumber'), '01\n');
    await writeFile(
      at('ca.cnf'),
      [
        ...['[ca]', 'default_ca = own', '[own]', 'default_md = sha256', 'default_crl_days = 2'],
        ...[`database = ${at('index.txt')}`, `crlnumber = ${at('crlnumber')}`],
        ...[`certificate = ${at('ca.pem')}`, `private_key = ${at('ca.key')}`],
      ].join('\n'),
    );
    openssl(
      ...['req', '-x509', ...keyKinds.ecdsa, '-nodes', '-days', '2', '-subj', `/CN=${randomUUID()}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', at('ca.key'), '-out', at('ca.pem')],
    );
    return new TestCa(folder, await readFile(at('ca.pem'), 'utf8'));
  }

  /** @param names as OpenSSL writes them: `DNS:a.example.com`, `IP:10.0.0.1`, `email:a@example.com` */
  async issue(names: readonly string[], kind: keyof typeof keyKinds = 'ecdsa'): Promise<IssuedPair> {
    const [certificate, key] = [this.#path('leaf.pem'), this.#path('leaf.key')];
    openssl(
      ...['req', '-x509', '-CA', this.#path('ca.pem'), '-CAkey', this.#path('ca.key'), ...keyKinds[kind], '-nodes'],
      ...['-days', '1', '-subj', '/CN=leaf', '-addext', `subjectAltName=${names.join(',')}`],
      ...['-addext', 'basicConstraints=critical,CA:false', '-keyout', key, '-out', certificate],
    );
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  }

  /** The list of everything revoked so far, PEM. */
  async revoke(...revoked: readonly IssuedPair[]): Promise<string> {
    for (const { certificate } of revoked) {
      await writeFile(this.#path('revoked.pem'), certificate);
      openssl('ca', '-config', this.#path('ca.cnf'), '-revoke', this.#path('revoked.pem'));
    }
    openssl('ca', '-config', this.#path('ca.cnf'), '-gencrl', '-out', this.#path('list.pem'));
    return readFile(this.#path('list.pem'), 'utf8');
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
