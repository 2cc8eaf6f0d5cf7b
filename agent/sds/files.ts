/** Secrets that are files in the proxy's container, which whoever mounts them keeps current. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { type Clock, type Component, LateenError, pause } from '#runtime/core/index.ts';
import { parseBundle, renderBundle } from '../certificate/pem.ts';
import type { Logger } from '../log.ts';
import { parseFileSecret } from './filenames.ts';
import type { SecretStore } from './secrets.ts';

export interface FileSecretsOptions {
  readonly store: SecretStore;
  /** Milliseconds between looks at the files. */
  readonly interval: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Reads what Envoy asks for and looks whether it has changed. A file that is missing or broken leaves the last good one in force. */
export class FileSecrets implements Component {
  readonly name = 'secrets in files';
  readonly #options: FileSecretsOptions;
  /** By name of the secret: what was last wrong with it. */
  readonly #complaints = new Map<string, string>();
  #wake = new AbortController();

  constructor(options: FileSecretsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, interval } = this.#options;
    const stop = store.onWanted(() => this.#wake.abort());
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const either = AbortSignal.any([signal, this.#wake.signal]);
      const names = store.wanted.filter((name) => parseFileSecret(name) !== undefined);
      for (const name of names) await this.#refresh(name);
      for (const name of this.#complaints.keys()) if (!names.includes(name)) this.#complaints.delete(name);
      // With nothing to look after there is nothing to wake up for.
      await pause(clock, names.length === 0 ? longest : interval, either);
    }
    stop();
  }

  async #refresh(name: string): Promise<void> {
    const { store, log } = this.#options;
    const secret = parseFileSecret(name);
    if (secret === undefined) return;
    try {
      if (secret.kind === 'roots') {
        const crl = secret.crl === undefined ? undefined : await readRevocations(secret.crl);
        store.setFileRoots(name, await readRoots(secret.paths), crl);
      } else store.setFileCertificate(name, ...(await readPair(secret)));
      this.#complaints.delete(name);
    } catch (error) {
      const { message } = LateenError.from(error);
      if (this.#complaints.get(name) !== message) log.warn('secret file not usable', { name, error: message });
      this.#complaints.set(name, message);
    }
  }
}

/** Milliseconds; any wish ends it. */
const longest = 24 * 3600_000;

/** The first of the files that is there. */
async function readRoots(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && paths.length > 1) return undefined;
      throw error;
    });
    if (text === undefined) continue;
    const certificates = parseBundle(text);
    if (certificates.length === 0) throw new LateenError('invalid', `${path} holds no certificate`);
    return renderBundle(certificates);
  }
  // An image without public roots: those that this program brings along.
  return `${rootCertificates.join('\n')}\n`;
}

async function readRevocations(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  if (!/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/.test(text))
    throw new LateenError('invalid', `${path} holds no revocation list`);
  return text;
}

/** Chain and key; a pair that does not match was read while it was being replaced. */
async function readPair(files: {
  readonly certificate: string;
  readonly key: string;
}): Promise<readonly [chain: string, key: string]> {
  const [chain, key] = await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')]);
  const leaf = parsePem(files.certificate, 'certificate', () => new X509Certificate(chain));
  const privateKey = parsePem(files.key, 'private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new LateenError('invalid', `${files.key} is not the key of ${files.certificate}`);
  }
  return [chain, key];
}

/** OpenSSL's own words say neither which file it was nor what was looked for, and may quote it. */
function parsePem<Value>(path: string, what: string, parse: () => Value): Value {
  try {
    return parse();
  } catch {
    throw new LateenError('invalid', `${path} holds no ${what} that can be read`);
  }
}
