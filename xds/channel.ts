/** The protocol state of one resource type on one stream: what was asked for, sent, acknowledged, refused. */
import type { Resources } from './difference.ts';
import { type Held, Holdings } from './holdings.ts';
import type { ServedResource } from './source.ts';
import type { ResourceType } from './types.ts';

/** One resource to add or replace, or, without a resource, a name to remove. */
export interface Change {
  readonly name: string;
  readonly resource: ServedResource | undefined;
}

/** A response that was sent. */
export interface Sent {
  readonly nonce: string;
  readonly changes: readonly Change[];
  readonly sentAt: number;
  /** The snapshot it was made from. */
  readonly revision: number;
}

export type Answer =
  | { readonly kind: 'acknowledged'; readonly sent: Sent; readonly replaced: readonly (Held | undefined)[] }
  | { readonly kind: 'refused'; readonly sent: Sent }
  /** The nonce is of no response that waits for an answer. */
  | { readonly kind: 'stale' };

export class Channel {
  readonly type: ResourceType;
  readonly holdings = new Holdings();
  /** The client has asked for this type on this stream. */
  open = false;
  /** A response is due even if there is nothing to say. */
  owed = false;
  /** Sent and not answered, oldest first. One, except behind a cluster that does not warm. */
  readonly inFlight: Sent[] = [];
  /** Of the response sent last. */
  lastNonce = '';
  /** Names to send whether or not the client holds them: asked for anew, or behind their changed cluster. */
  readonly forced = new Set<string>();
  /** To be sent one at a time, because a response that held all of them was refused. */
  readonly suspects: Change[] = [];
  /** Refused by themselves: name to version (undefined for a removal). Not sent again on this stream in that version. */
  readonly refused = new Map<string, string | undefined>();
  /** What the client said about the last refusal. */
  refusal = '';

  constructor(type: ResourceType) {
    this.type = type;
  }

  subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === '*') {
        if (!this.holdings.wildcard) this.owed = true;
        this.holdings.wildcard = true;
        continue;
      }
      // What was held under the name before the client lost interest in it is gone.
      if (!this.holdings.subscribed(name)) this.holdings.record(name, undefined);
      this.holdings.names.add(name);
      this.forced.add(name);
    }
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === '*') {
        this.holdings.wildcard = false;
        continue;
      }
      this.holdings.names.delete(name);
      // Under a wildcard the client drops the name, but is still to have the resource.
      if (this.holdings.wildcard) this.forced.add(name);
      else this.forced.delete(name);
    }
  }

  /** What the client holds from an earlier stream, by version. */
  restore(versions: Readonly<Record<string, string>>): void {
    for (const [name, version] of Object.entries(versions)) {
      if (this.holdings.subscribed(name)) this.holdings.record(name, { version, needs: undefined });
      this.forced.delete(name);
    }
  }

  answer(nonce: string, refusal: string | undefined): Answer {
    const at = this.inFlight.findIndex((sent) => sent.nonce === nonce);
    const [sent] = at === -1 ? [] : this.inFlight.splice(at, 1);
    if (sent === undefined) return { kind: 'stale' };
    if (refusal === undefined)
      return { kind: 'acknowledged', sent, replaced: sent.changes.map((change) => this.#acknowledge(change)) };
    this.refusal = refusal;
    const [only] = sent.changes;
    if (sent.changes.length === 1 && only !== undefined) {
      this.holdings.settleDoubt(only.name);
      this.refused.set(only.name, only.resource?.version);
    } else {
      for (const { name, resource } of sent.changes) this.holdings.doubt(name, resource);
      this.suspects.push(...sent.changes);
    }
    return { kind: 'refused', sent };
  }

  /** What the client is to be sent to hold the target, apart from what waits for its turn alone. Sorted by name. */
  changes(target: Resources): readonly Change[] {
    const names = new Set(this.holdings.rebase(target));
    for (const name of this.forced) if (this.holdings.subscribed(name)) names.add(name);
    const changes: Change[] = [];
    for (const name of names) {
      const resource = target.get(name);
      if (this.refuses(name, resource) || this.#underway(name, resource)) continue;
      if (resource === undefined && !this.#tellsAbsence(name)) continue;
      changes.push({ name, resource });
    }
    return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether the client has refused exactly this, by itself. */
  refuses(name: string, resource: ServedResource | undefined): boolean {
    return this.refused.has(name) && this.refused.get(name) === resource?.version;
  }

  /** Returns what the client held before. */
  #acknowledge({ name, resource }: Change): Held | undefined {
    const before = this.holdings.held(name);
    this.holdings.acknowledge(name, resource);
    this.refused.delete(name);
    return before;
  }

  #underway(name: string, resource: ServedResource | undefined): boolean {
    if (this.forced.has(name)) return false;
    return this.inFlight.some(({ changes }) =>
      changes.some((change) => change.name === name && change.resource?.version === resource?.version),
    );
  }

  #tellsAbsence(name: string): boolean {
    if (this.type.removal === 'never') return false;
    const held = this.holdings.held(name);
    return held === undefined ? this.forced.has(name) : this.type.removal === 'send';
  }

  /** The next suspect that is still wanted as it was refused; the others will be looked at as ordinary changes. */
  nextSuspect(target: Resources): Change | undefined {
    for (let suspect = this.suspects.shift(); suspect !== undefined; suspect = this.suspects.shift()) {
      if (this.holdings.subscribed(suspect.name) && target.get(suspect.name)?.version === suspect.resource?.version)
        return suspect;
    }
    return undefined;
  }

  sent(sent: Sent): void {
    this.inFlight.push(sent);
    this.lastNonce = sent.nonce;
    this.owed = false;
    for (const { name } of sent.changes) this.forced.delete(name);
  }
}
