/** The secrets that Envoy may ask for, as encoded messages with versions, and who wants to hear of changes. */
import { createHash } from 'node:crypto';
import { codec } from '#wire/agent.ts';
import { parseFileSecret } from './filenames.ts';

export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** Names as Istio's data plane uses them. */
export const workloadSecret = 'default';
export const rootSecret = 'ROOTCA';

export interface ServedSecret {
  readonly name: string;
  /** A hash of the public part: the same after a restart when nothing changed. */
  readonly version: string;
  readonly bytes: Uint8Array;
}

export class SecretStore {
  readonly #secrets = new Map<string, ServedSecret>();
  readonly #listeners = new Set<() => void>();
  /** By name: how many streams ask for it. */
  readonly #wanted = new Map<string, number>();
  #announce: () => void = () => undefined;

  /** Whether the name is one of ours, known already or not. */
  serves(name: string): boolean {
    return isOwn(name) || parseFileSecret(name) !== undefined;
  }

  /** Names that some stream asks for. */
  get wanted(): readonly string[] {
    return [...this.#wanted.keys()];
  }

  /** `listener` is called when a stream asks for a name that no other asks for; the result stops that. */
  onWanted(listener: () => void): () => void {
    this.#announce = listener;
    return () => {
      this.#announce = () => undefined;
    };
  }

  /** A stream asks for the secret from now on. */
  want(name: string): void {
    const streams = this.#wanted.get(name) ?? 0;
    this.#wanted.set(name, streams + 1);
    if (streams === 0) this.#announce();
  }

  /** A stream asks for it no longer; what nobody asks for is forgotten, except the workload's own. */
  release(name: string): void {
    const streams = (this.#wanted.get(name) ?? 0) - 1;
    if (streams > 0) this.#wanted.set(name, streams);
    else {
      this.#wanted.delete(name);
      if (!isOwn(name)) this.#secrets.delete(name);
    }
  }

  get(name: string): ServedSecret | undefined {
    return this.#secrets.get(name);
  }

  setCertificate(chain: string, privateKey: string): void {
    this.#setCertificate(workloadSecret, chain, privateKey);
  }

  setRoots(bundle: string): void {
    this.#setRoots(rootSecret, bundle);
  }

  /** What the files of a secret hold; dropped when nobody asks for it any more. */
  setFileCertificate(name: string, chain: string, privateKey: string): void {
    if (this.#wanted.has(name)) this.#setCertificate(name, chain, privateKey);
  }

  setFileRoots(name: string, bundle: string, crl?: string): void {
    if (this.#wanted.has(name)) this.#setRoots(name, bundle, crl);
  }

  #setCertificate(name: string, chain: string, privateKey: string): void {
    const bytes = codec.encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name,
      tlsCertificate: {
        certificateChain: { inlineBytes: Buffer.from(chain) },
        privateKey: { inlineBytes: Buffer.from(privateKey) },
      },
    });
    this.#set({ name, version: hash(chain), bytes });
  }

  #setRoots(name: string, bundle: string, crl = ''): void {
    const bytes = codec.encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name,
      validationContext: {
        trustedCa: { inlineBytes: Buffer.from(bundle) },
        ...(crl === '' ? {} : { crl: { inlineBytes: Buffer.from(crl) } }),
      },
    });
    this.#set({ name, version: hash(bundle + crl), bytes });
  }

  /** `listener` is called after each change; the result stops that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(secret: ServedSecret): void {
    if (this.#secrets.get(secret.name)?.version === secret.version) return;
    this.#secrets.set(secret.name, secret);
    for (const listener of this.#listeners) listener();
  }
}

const isOwn = (name: string): boolean => name === workloadSecret || name === rootSecret;

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
