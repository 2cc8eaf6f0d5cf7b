/** The protocol state of one resource type on one stream: what was asked for, sent, acknowledged, refused. */
import type { Resources } from './difference.ts';
import { type Held, Holdings } from './holdings.ts';
import type { ServedResource } from './source.ts';
import { parentOf, type ResourceType } from './types.ts';
import { resolveUnits, type Unit } from './units.ts';

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
  /** `alone`: it cannot be taken apart any further. */
  | { readonly kind: 'refused'; readonly sent: Sent; readonly alone: boolean }
  /** The nonce is of no response that waits for an answer. */
  | { readonly kind: 'stale' };

export class Channel {
  readonly type: ResourceType;
  readonly holdings: Holdings;
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
  /** Parents that the client was sent just now: whatever it held under them before, all that belongs to them follows. */
  readonly introduced = new Set<string>();
  /** To be sent one after the other, because a response that held all of them was refused. */
  readonly suspects: (readonly Unit[])[] = [];
  /** Refused by themselves, by name. Not sent again on this stream as long as the whole unit is wanted like that. */
  readonly refused = new Map<string, Unit>();
  /** What the client said about the last refusal. */
  refusal = '';

  constructor(type: ResourceType) {
    this.type = type;
    this.holdings = new Holdings(type.parent !== undefined);
  }

  subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (this.type.parent !== undefined) {
        this.forced.add(name);
        continue;
      }
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
    if (this.type.parent !== undefined) return;
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

  /**
   * The client is sent the parents anew, or brought them along from an earlier stream. Either way what belongs to them is
   * sent: it drops what came before its parent did, and does not say what it dropped.
   */
  introduce(parents: readonly string[]): void {
    this.holdings.adopt(parents);
    for (const parent of parents) this.introduced.add(parent);
    const suspects = this.suspects.splice(0).map((units) => this.#apartFromIntroduced(units));
    this.suspects.push(...suspects);
  }

  /** Suspects that do not come with all the others of their parent anyway. */
  #apartFromIntroduced(units: readonly Unit[]): readonly Unit[] {
    if (this.introduced.size === 0) return units;
    return units.filter(([change]) => !this.introduced.has(parentOf(change?.name ?? '')));
  }

  /** What belongs to the parents that were sent just now. Those to which nothing belongs need no further thought. */
  belongings(target: Resources): readonly string[] {
    if (this.introduced.size === 0) return [];
    const names = [...target.keys()].filter((name) => this.introduced.has(parentOf(name)));
    const filled = new Set(names.map(parentOf));
    for (const parent of this.introduced) if (!filled.has(parent)) this.introduced.delete(parent);
    return names;
  }

  /** The client lost interest in the parents, and drops what belongs to them. */
  abandon(parents: readonly string[]): void {
    for (const parent of parents) {
      this.holdings.names.delete(parent);
      this.introduced.delete(parent);
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
    const units = resolveUnits(sent.changes, (name) => this.holdings.held(name));
    const alone = units.length === 1;
    for (const { name, resource } of sent.changes) {
      if (!alone) this.holdings.doubt(name, resource);
      else {
        this.holdings.settleDoubt(name);
        this.refused.set(name, sent.changes);
      }
    }
    if (!alone) this.suspects.unshift(...halve(this.#apartFromIntroduced(units)));
    return { kind: 'refused', sent, alone };
  }

  /** What the client is to be sent to hold the target, apart from what waits for its turn alone. Sorted by name. */
  changes(target: Resources): readonly Change[] {
    const names = new Set(this.holdings.rebase(target));
    for (const name of this.forced) if (this.holdings.subscribed(name)) names.add(name);
    for (const name of this.belongings(target)) names.add(name);
    const changes: Change[] = [];
    for (const name of names) {
      const resource = target.get(name);
      if (this.refuses(name, target) || this.#underway(name, resource)) continue;
      if (resource === undefined && !this.#tellsAbsence(name)) continue;
      changes.push({ name, resource });
    }
    return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether the client has refused exactly this, by itself or with what cannot be parted from it. */
  refuses(name: string, target: Resources): boolean {
    return this.refused.get(name)?.every((change) => isWanted(change, target)) ?? false;
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

  /** The next suspects that are still wanted as they were refused; the others will be looked at as ordinary changes. */
  nextSuspects(target: Resources): readonly Change[] | undefined {
    for (let units = this.suspects.shift(); units !== undefined; units = this.suspects.shift()) {
      const wanted = units.filter((unit) =>
        unit.every((change) => this.holdings.subscribed(change.name) && isWanted(change, target)),
      );
      if (wanted.length > 0) return wanted.flat();
    }
    return undefined;
  }

  sent(sent: Sent): void {
    this.inFlight.push(sent);
    this.lastNonce = sent.nonce;
    this.owed = false;
    for (const { name } of sent.changes) {
      this.forced.delete(name);
      if (this.type.parent !== undefined) this.introduced.delete(parentOf(name));
    }
  }
}

function isWanted({ name, resource }: Change, target: Resources): boolean {
  return target.get(name)?.version === resource?.version;
}

/** Which of many is refused is found by taking away half of them again and again. */
function halve(units: readonly Unit[]): readonly (readonly Unit[])[] {
  const middle = Math.ceil(units.length / 2);
  return [units.slice(0, middle), units.slice(middle)];
}
