/** The secrets that Envoy may ask for, as encoded messages with versions, and who wants to hear of changes. */
import { createHash } from 'node:crypto';
import { codec } from '#wire/agent.ts';

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

  /** Whether the name is one of ours, known already or not. */
  serves(name: string): boolean {
    return name === workloadSecret || name === rootSecret;
  }

  get(name: string): ServedSecret | undefined {
    return this.#secrets.get(name);
  }

  setCertificate(chain: string, privateKey: string): void {
    const bytes = codec.encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name: workloadSecret,
      tlsCertificate: {
        certificateChain: { inlineBytes: Buffer.from(chain) },
        privateKey: { inlineBytes: Buffer.from(privateKey) },
      },
    });
    this.#set({ name: workloadSecret, version: hash(chain), bytes });
  }

  setRoots(bundle: string): void {
    const bytes = codec.encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name: rootSecret,
      validationContext: { trustedCa: { inlineBytes: Buffer.from(bundle) } },
    });
    this.#set({ name: rootSecret, version: hash(bundle), bytes });
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

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
