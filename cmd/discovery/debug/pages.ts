import type { Clock } from '#runtime/core/index.ts';
import type { StreamState } from '#xds/index.ts';
import { type Viewer, visibleStreams } from './access.ts';
import { parseTypes, renderDump, renderResources } from './config-dump.ts';
import { type ConfigPart, describeConfigs, describeMeshConfig } from './configs.ts';
import { findProxy } from './find-proxy.ts';
import { createGraphPage, type GraphPart } from './graph.ts';
import { renderArray, renderMembers, renderObject } from './json.ts';
import type { Page, Pages } from './page.ts';
import { describeEndpoints, describeServices, type RegistryPart } from './registry.ts';
import { describeClient, describeConnection, describeSync, type WallTime } from './sync-status.ts';

export interface PagesOptions extends GraphPart, RegistryPart, ConfigPart {
  readonly inputs: RegistryPart['inputs'] & ConfigPart['inputs'];
  readonly clock: Clock;
  readonly clusterId: string;
  /** Name of this replica. */
  readonly podName: string;
}

/** All pages under Istio's names. */
export function createPages(options: PagesOptions): Pages {
  const { clock, streams, clusterId, podName } = options;
  const wallTime = createWallTime(clock);
  const visible = (viewer: Viewer) => visibleStreams(viewer, sortStreams(streams()));
  const clients = (query: URLSearchParams, viewer: Viewer) => {
    const id = query.get('proxyID');
    if (id === null) return visible(viewer);
    const found = findProxy(id, viewer, streams());
    return 'problem' in found ? found : [found];
  };
  const dump = (help: string, typesOf: (query: URLSearchParams) => string): Page => ({
    help,
    audience: 'namespace',
    render(query, viewer) {
      const found = findProxy(query.get('proxyID') ?? '', viewer, streams());
      if ('problem' in found) return found;
      const types = parseTypes(typesOf(query));
      return { json: types.length > 0 ? renderResources(found, types) : renderDump(found, query.has('include_eds')) };
    },
  });
  const listClients = (help: string, describe: (stream: StreamState) => unknown): Page => ({
    help,
    audience: 'namespace',
    render(query, viewer) {
      const found = clients(query, viewer);
      if ('problem' in found) return found;
      return { json: renderObject({ totalClients: found.length }, 'clients', renderArray(mapLazily(found, describe))) };
    },
  });
  const endpoints: Page = {
    help: 'endpoints by hostname, namespace and cluster',
    audience: 'administrators',
    render: () => ({ json: renderMembers(describeEndpoints(options)) }),
  };

  const pages: Pages = {
    adsz: listClients('connected proxies with what they say of themselves and what they watch', describeClient),
    clusterz: {
      help: 'clusters whose objects are watched',
      audience: 'administrators',
      render: () => ({
        json: renderArray([{ id: clusterId, secretName: '', syncStatus: 'synced', istiodID: podName }]),
      }),
    },
    config_dump: dump(
      "what a proxy is to hold, as Envoy's own dump has it: ?proxyID=POD.NAMESPACE, &types=cds,lds for some types, &include_eds for endpoints",
      (query) => query.get('types') ?? '',
    ),
    configz: {
      help: 'mesh resources in force',
      audience: 'administrators',
      render: () => ({ json: renderArray(describeConfigs(options)) }),
    },
    connections: listClients('connected proxies', describeConnection),
    ecdsz: dump('extension configurations of a proxy: ?proxyID=POD.NAMESPACE', () => 'ecds'),
    edsz: dump('endpoints of a proxy: ?proxyID=POD.NAMESPACE', () => 'eds'),
    endpointShardz: endpoints,
    endpointz: endpoints,
    graphz: createGraphPage(options),
    list: {
      help: 'names of all pages',
      audience: 'namespace',
      render: () => ({ json: renderArray(Object.keys(pages).filter((name) => name !== 'list')) }),
    },
    mesh: {
      help: 'the mesh configuration in force',
      audience: 'administrators',
      render: () => ({ json: [JSON.stringify(describeMeshConfig(options))] }),
    },
    ndsz: dump('the name table of a proxy: ?proxyID=POD.NAMESPACE', () => 'nds'),
    registryz: {
      help: 'services',
      audience: 'administrators',
      render: () => ({ json: renderArray(describeServices(options)) }),
    },
    syncz: {
      help: 'how far each connected proxy is: ?namespace=NAMESPACE for some',
      audience: 'namespace',
      render(query, viewer) {
        const namespace = query.get('namespace') ?? '';
        const some = visible(viewer).filter(({ proxy }) => namespace === '' || proxy.namespace === namespace);
        return { json: renderArray(mapLazily(some, (stream) => describeSync(stream, wallTime))) };
      },
    },
  };
  return pages;
}

export function createWallTime(clock: Clock): WallTime {
  return (monotonic) => clock.now() - (clock.monotonic() - monotonic);
}

export function sortStreams(streams: readonly StreamState[]): readonly StreamState[] {
  return [...streams].sort((a, b) => (a.proxy.connectionId < b.proxy.connectionId ? -1 : 1));
}

function* mapLazily<A, B>(items: Iterable<A>, build: (item: A) => B): Iterable<B> {
  for (const item of items) yield build(item);
}
