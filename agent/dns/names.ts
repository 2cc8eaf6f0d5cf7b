/** The name table from the control plane, in parts that are sent one by one. */
import { codec, typeUrl } from '#wire/agent.ts';
import type { DiscoveryRequest, DiscoveryResponse, Topic } from '../discovery/ownstream.ts';
import type { Logger } from '../log.ts';
import { type NameTable, parseNames } from './table.ts';

export interface NameTopicOptions {
  readonly table: NameTable;
  readonly log: Logger;
  /** After each change of the table. */
  readonly onUpdate: () => void;
}

const tableType = 'istio.networking.nds.v1.NameTable';

export class NameTopic implements Topic {
  readonly typeUrl = typeUrl(tableType);
  readonly #options: NameTopicOptions;
  /** Versions of the parts that the table holds: what the control plane need not send again. */
  readonly #versions = new Map<string, string>();

  constructor(options: NameTopicOptions) {
    this.#options = options;
  }

  opening(): DiscoveryRequest {
    return { initialResourceVersions: Object.fromEntries(this.#versions) };
  }

  take(response: DiscoveryResponse): void {
    const { table, log, onUpdate } = this.#options;
    const resources = response.resources ?? [];
    const parts = resources.map(({ name = '', resource }) => {
      const decoded = codec.unpack(tableType, resource ?? {});
      if (decoded === undefined) throw new TypeError(`resource "${name}" is no name table`);
      return [name, parseNames(decoded.table ?? {})] as const;
    });
    const removed = response.removedResources ?? [];
    table.update(parts, removed);
    for (const name of removed) this.#versions.delete(name);
    for (const { name = '', version = '' } of resources) this.#versions.set(name, version);
    log.debug('name table updated', { changed: parts.length, removed: removed.length });
    onUpdate();
  }
}
