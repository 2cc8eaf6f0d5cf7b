/**
 * One SDS stream as a state machine: a request in, perhaps a response out; a changed secret, perhaps a response out.
 * A secret that is known but not there yet is answered once it is; a refused version is not sent again on its stream.
 */
import { codec } from '#wire/agent.ts';
import type { Logger } from '../log.ts';
import { type SecretStore, type ServedSecret, secretType } from './secrets.ts';

export interface SdsSession {
  /** Bytes of a request; throws LateenError `invalid` when they are none. */
  receive(bytes: Uint8Array): Uint8Array | undefined;
  /** What is due after a change in the store. */
  refresh(): Uint8Array | undefined;
  /** The stream has ended. */
  close(): void;
}

/** What both protocols share: names asked for, versions sent, the nonce of the last response. */
abstract class Session implements SdsSession {
  protected readonly store: SecretStore;
  protected readonly names = new Set<string>();
  protected readonly sent = new Map<string, string>();
  protected nonce = 0;
  readonly #log: Logger;

  constructor(store: SecretStore, log: Logger) {
    this.store = store;
    this.#log = log;
  }

  abstract receive(bytes: Uint8Array): Uint8Array | undefined;

  refresh(): Uint8Array | undefined {
    const due = this.takeDue();
    return due.length === 0 ? undefined : this.respond(due, []);
  }

  close(): void {
    for (const name of [...this.names]) this.forget(name);
  }

  protected ask(name: string): void {
    if (this.names.has(name)) return;
    this.names.add(name);
    if (this.store.serves(name)) this.store.want(name);
  }

  protected forget(name: string): void {
    this.sent.delete(name);
    if (this.names.delete(name) && this.store.serves(name)) this.store.release(name);
  }

  protected abstract respond(secrets: readonly ServedSecret[], unknown: readonly string[]): Uint8Array;

  /** The secrets asked for whose current version this stream has not been sent; they count as sent from here on. */
  protected takeDue(): readonly ServedSecret[] {
    const due: ServedSecret[] = [];
    for (const name of this.names) {
      const secret = this.store.get(name);
      if (!secret || this.sent.get(name) === secret.version) continue;
      this.sent.set(name, secret.version);
      due.push(secret);
    }
    return due;
  }

  protected report(nonce: string, error: { readonly message?: string | undefined } | undefined): void {
    const names = [...this.names].join(',');
    if (error) this.#log.error('secret rejected by Envoy', { names, error: error.message ?? '' });
    else if (nonce !== '') this.#log.debug('secret accepted by Envoy', { names });
  }

  protected reportUnknown(names: readonly string[]): void {
    if (names.length > 0) this.#log.warn('unknown secret asked for', { names: names.join(',') });
  }
}

class StreamSession extends Session {
  receive(bytes: Uint8Array): Uint8Array | undefined {
    const request = codec.decode('envoy.service.discovery.v3.DiscoveryRequest', bytes);
    const nonce = request.responseNonce ?? '';
    if (nonce !== '' && nonce !== String(this.nonce)) return undefined;
    const asked = request.resourceNames ?? [];
    this.reportUnknown(asked.filter((name) => !this.store.serves(name) && !this.names.has(name)));
    for (const name of this.names) {
      if (!asked.includes(name)) this.forget(name);
    }
    for (const name of asked) this.ask(name);
    this.report(nonce, request.errorDetail);
    return this.refresh();
  }

  protected respond(secrets: readonly ServedSecret[]): Uint8Array {
    this.nonce++;
    return codec.encode('envoy.service.discovery.v3.DiscoveryResponse', {
      versionInfo: secrets.map((secret) => secret.version).join('.'),
      resources: secrets.map((secret) => ({ typeUrl: secretType, value: secret.bytes })),
      typeUrl: secretType,
      nonce: String(this.nonce),
    });
  }
}

class DeltaSession extends Session {
  receive(bytes: Uint8Array): Uint8Array | undefined {
    const request = codec.decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
    for (const [name, version] of Object.entries(request.initialResourceVersions ?? {})) this.sent.set(name, version);
    for (const name of request.resourceNamesUnsubscribe ?? []) this.forget(name);
    const subscribed = request.resourceNamesSubscribe ?? [];
    const unknown = subscribed.filter((name) => !this.store.serves(name));
    this.reportUnknown(unknown);
    for (const name of subscribed) {
      // Subscribing again asks for the resource again.
      if (this.names.has(name)) this.sent.delete(name);
      else if (!unknown.includes(name)) this.ask(name);
    }
    this.report(request.responseNonce ?? '', request.errorDetail);
    const due = this.takeDue();
    return due.length + unknown.length === 0 ? undefined : this.respond(due, unknown);
  }

  protected respond(secrets: readonly ServedSecret[], unknown: readonly string[]): Uint8Array {
    this.nonce++;
    return codec.encode('envoy.service.discovery.v3.DeltaDiscoveryResponse', {
      resources: secrets.map(({ name, version, bytes }) => ({
        name,
        version,
        resource: { typeUrl: secretType, value: bytes },
      })),
      removedResources: unknown,
      typeUrl: secretType,
      nonce: String(this.nonce),
    });
  }
}

/** Method names of envoy.service.secret.v3.SecretDiscoveryService. */
export const sdsMethods = {
  StreamSecrets: (store: SecretStore, log: Logger): SdsSession => new StreamSession(store, log),
  DeltaSecrets: (store: SecretStore, log: Logger): SdsSession => new DeltaSession(store, log),
} as const;
