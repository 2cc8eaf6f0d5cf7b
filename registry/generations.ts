/** When each generation of a user resource came into force: the graph revision of the edit that brought it. */

export interface GenerationEntry {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The graph's revision right after the edit. */
  readonly revision: number;
}

type Arrival = Omit<GenerationEntry, 'revision'>;

export class Generations {
  readonly #entries = new Map<string, GenerationEntry>();
  #arrived: Arrival[] = [];
  #list: readonly GenerationEntry[] | undefined;

  /** Notes what an edit in progress brings; a generation that is already in force stays as it was. */
  note(arrival: Arrival): void {
    this.#arrived.push(arrival);
  }

  forget(resource: {
    readonly cluster: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  }): void {
    const key = renderEntry(resource);
    this.#arrived = this.#arrived.filter((arrival) => renderEntry(arrival) !== key);
    if (this.#entries.delete(key)) this.#list = undefined;
  }

  /** Stamps everything noted since the last call. Called after each edit, with the graph's revision then. */
  settle(revision: number): void {
    for (const arrival of this.#arrived) {
      const key = renderEntry(arrival);
      const known = this.#entries.get(key);
      if (known?.uid === arrival.uid && known.generation === arrival.generation) continue;
      this.#entries.set(key, { ...arrival, revision });
      this.#list = undefined;
    }
    if (this.#arrived.length > 0) this.#arrived = [];
  }

  /** Key `Kind/cluster/namespace/name`. */
  get(key: string): GenerationEntry | undefined {
    return this.#entries.get(key);
  }

  /** The identical list while none of them changes. */
  values(): readonly GenerationEntry[] {
    this.#list ??= [...this.#entries.values()];
    return this.#list;
  }
}

function renderEntry(entry: {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${entry.kind}/${entry.cluster}/${entry.namespace}/${entry.name}`;
}
