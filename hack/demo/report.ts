import { type ClusterLayout, kubeconfigPath, kubectlPath, runKubectl } from '../cluster/index.ts';
import { sampleNamespace } from './install.ts';
import type { Share } from './traffic.ts';

/** One connection between two workloads as the server's proxy counted it. */
export interface Peer {
  readonly source: string;
  readonly destination: string;
  readonly security: string;
  readonly requests: number;
}

/** A table of how traffic was split, against the weights. */
export function renderShares(shares: readonly Share[]): string {
  const total = shares.reduce((sum, { count }) => sum + count, 0);
  const rows = shares.map(({ version, count, weight }) => {
    const percent = total === 0 ? 0 : (100 * count) / total;
    return `  reviews ${version.padEnd(6)} ${String(count).padStart(5)}   ${percent.toFixed(1).padStart(5)} %   ${String(weight).padStart(3)} %`;
  });
  return ['  version         count   share     weight', ...rows].join('\n');
}

/** Who spoke to each of Bookinfo's services, and how secured: read from the servers' own metrics, pods taken together. */
export async function readPeers(layout: ClusterLayout): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const app of ['productpage', 'details', 'reviews', 'ratings']) {
    const selector = [
      'get',
      'pods',
      '-n',
      sampleNamespace,
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={.items[*].metadata.name}',
    ];
    for (const pod of (await runKubectl(layout, selector)).split(' ').filter(Boolean)) {
      const fetchMetrics = ['curl', '--silent', 'http://127.0.0.1:15020/stats/prometheus'];
      const metrics = await runKubectl(layout, ['exec', '-n', sampleNamespace, pod, '-c', app, '--', ...fetchMetrics]);
      peers.push(...parsePeers(metrics));
    }
  }
  return sumPeers(peers);
}

/** One line for each pair of workloads and kind of connection. */
export function sumPeers(peers: readonly Peer[]): Peer[] {
  const sums = new Map<string, Peer>();
  for (const peer of peers) {
    const key = [peer.security, peer.source, peer.destination].join(' ');
    sums.set(key, { ...peer, requests: peer.requests + (sums.get(key)?.requests ?? 0) });
  }
  return [...sums.values()];
}

/** Samples of `istio_requests_total` reported by the destination, in Prometheus' text format. */
export function parsePeers(metrics: string): Peer[] {
  return metrics.split('\n').flatMap((line) => {
    const sample = /^istio_requests_total\{(.*)\} (\d+)/.exec(line);
    if (!sample) return [];
    const [, text = '', value = ''] = sample;
    const labels = new Map([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', label = '']) => [name, label]));
    if (labels.get('reporter') !== 'destination') return [];
    return [
      {
        source: labels.get('source_principal') ?? '',
        destination: labels.get('destination_principal') ?? '',
        security: labels.get('connection_security_policy') ?? '',
        requests: Number(value),
      },
    ];
  });
}

export function renderPeers(peers: readonly Peer[]): string {
  return peers
    .map(
      ({ source, destination, security, requests }) =>
        `  ${security.padEnd(11)} ${source} -> ${destination}  (${requests} requests)`,
    )
    .join('\n');
}

/** The resources with their status columns. */
export function readResources(layout: ClusterLayout): Promise<string> {
  return runKubectl(layout, [
    'get',
    'istiooperators,virtualservices,gateways.networking.istio.io,destinationrules,pods',
    '-A',
  ]);
}

/** How to go on from here. */
export function renderUsage(layout: ClusterLayout, url: string): string {
  return `The page: ${url}   (curl it, or forward a port to your browser)
The cluster: export KUBECONFIG=${kubeconfigPath(layout)}
             ${kubectlPath(layout)} get pods -A
Remove everything: npm run demo:down`;
}
