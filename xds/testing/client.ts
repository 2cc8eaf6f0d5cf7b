/** Speaks to a session as a proxy would, and remembers what it was told, in a form that is short to compare with. */

import { NO_RESOURCES } from '../difference.ts';
import { DEFAULT_SESSION_SETTINGS, type Outgoing, Session, type SessionSettings } from '../session.ts';
import type { ServedResource, Snapshot } from '../source.ts';
import { RESOURCE_TYPES, type ResourceType } from '../types.ts';

type Label = 'cds' | 'eds' | 'lds' | 'rds' | 'vhds' | 'sds' | 'ecds';

export class TestClient {
  readonly session: Session;
  readonly #protocol: 'delta' | 'sotw';
  now = 0;
  /** Nothing may go, as when the client does not read. */
  held = false;
  /** The last response of each type. */
  readonly #last = new Map<string, Outgoing>();

  constructor(protocol: 'delta' | 'sotw' = 'delta', settings: Partial<SessionSettings> = {}) {
    this.#protocol = protocol;
    this.session = new Session(protocol, { ...DEFAULT_SESSION_SETTINGS, ...settings });
  }

  /** A delta subscription; for world sessions the names are the whole interest. */
  subscribe(
    label: Label,
    names: readonly string[] = [],
    initialVersions: Readonly<Record<string, string>> = {},
  ): readonly string[] {
    this.#request(label, { subscribe: names, initialVersions, names });
    return this.pump();
  }

  unsubscribe(label: Label, names: readonly string[]): readonly string[] {
    this.#request(label, { unsubscribe: names });
    return this.pump();
  }

  /** Acknowledges the last response of a type. In the world protocol `names` is the interest that the request repeats. */
  ack(label: Label, names: readonly string[] = []): readonly string[] {
    this.#request(label, { nonce: this.#nonce(label), names });
    return this.pump();
  }

  nack(label: Label, message = 'bad config', names: readonly string[] = []): readonly string[] {
    this.#request(label, { nonce: this.#nonce(label), error: message, names });
    return this.pump();
  }

  /** Answers with a nonce of the test's choice; says how the session took it. */
  answer(label: Label, nonce: string, names: readonly string[] = []): string {
    return this.#request(label, { nonce, names }).kind;
  }

  aim(snapshot: Snapshot, secrets: readonly ServedResource[] = []): readonly string[] {
    const collection = secrets.length === 0 ? NO_RESOURCES : new Map(secrets.map((secret) => [secret.name, secret]));
    this.session.aim(snapshot, collection);
    return this.pump();
  }

  wait(ms: number): readonly string[] {
    this.now += ms;
    return this.pump();
  }

  /** What is sent now, as `cds a@1 b@2 -c`. */
  pump(): readonly string[] {
    return this.session
      .pump(this.now, () => !this.held)
      .map((response) => {
        this.#last.set(response.type.label, response);
        const sent = response.resources.map(({ name, version }) => `${name}@${version}`);
        const removed = [
          ...response.removed.map((name) => `-${name}`),
          ...(response.absent ?? []).map((name) => `?${name}`),
        ];
        return [response.type.label, ...sent, ...removed].join(' ');
      });
  }

  /** The start of every Envoy: clusters and listeners, everything acknowledged, then the given endpoints and routes. */
  start(snapshot: Snapshot, names: { readonly eds?: readonly string[]; readonly rds?: readonly string[] } = {}): this {
    this.aim(snapshot);
    this.subscribe('cds');
    if (names.eds !== undefined) this.subscribe('eds', names.eds);
    this.ack('cds');
    if (names.eds !== undefined) this.ack('eds');
    this.subscribe('lds');
    this.ack('lds');
    if (names.rds !== undefined) {
      this.subscribe('rds', names.rds);
      this.ack('rds');
    }
    return this;
  }

  #request(
    label: Label,
    parts: {
      readonly subscribe?: readonly string[];
      readonly unsubscribe?: readonly string[];
      readonly initialVersions?: Readonly<Record<string, string>>;
      readonly names?: readonly string[];
      readonly nonce?: string;
      readonly error?: string;
    },
  ) {
    const { subscribe = [], unsubscribe = [], initialVersions = {}, names = [], nonce = '', error } = parts;
    const type = typeOf(label);
    const request =
      this.#protocol === 'delta'
        ? { protocol: 'delta' as const, type, subscribe, unsubscribe, initialVersions, nonce, error }
        : {
            protocol: 'sotw' as const,
            type,
            names,
            nonce: nonce === '' ? (this.#last.get(label)?.nonce ?? '') : nonce,
            error,
          };
    return this.session.request(request, this.now);
  }

  #nonce(label: Label): string {
    return this.#last.get(label)?.nonce ?? '';
  }
}

function typeOf(label: Label): ResourceType {
  const type = RESOURCE_TYPES.find((one) => one.label === label);
  if (type === undefined) throw new RangeError(label);
  return type;
}
