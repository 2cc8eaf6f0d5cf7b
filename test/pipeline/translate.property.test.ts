import { expect } from 'chai';
import fc from 'fast-check';
import {
  endpointSlice,
  ingress,
  ingressProxy,
  pod,
  reviewsSplit,
  reviewsSubsets,
  service,
} from '#test/support/bookinfo.ts';
import { connect, describeProxy, listResources, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import type { Proxy as MeshProxy } from '#xds/source.ts';

type Edit =
  | { readonly apply: string }
  | {
      readonly remove: readonly [
        'Service' | 'Pod' | 'EndpointSlice' | 'VirtualService' | 'DestinationRule' | 'Gateway' | 'PeerAuthentication',
        string,
        string,
      ];
    }
  | { readonly meshConfig: Readonly<Record<string, unknown>> };

const apps = ['reviews', 'ratings', 'details'] as const;
const namespaces = ['bookinfo', 'shop'] as const;
const app = fc.constantFrom(...apps);
const namespace = fc.constantFrom(...namespaces);
const octet = fc.integer({ min: 1, max: 6 });

const peerAuthentication = (ns: string, mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ${ns}}
spec: {mtls: {mode: ${mode}}}
---`;

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .tuple(app, octet, namespace, fc.constantFrom(9080, 80), fc.constantFrom('http', 'grpc', 'tcp', 'unnamed'))
    .map(([name, ip, ns, port, portName]) => ({ apply: service(name, `10.96.1.${ip}`, port, ns, portName) })),
  fc.tuple(app, fc.constantFrom('v1', 'v2'), octet, namespace, fc.boolean()).map(([name, version, ip, ns, mesh]) => ({
    apply: pod({ app: name, version, ip: `10.1.1.${ip}`, namespace: ns, mesh }),
  })),
  fc.tuple(app, fc.array(octet, { maxLength: 4 }), namespace, fc.boolean()).map(([name, ips, ns, ready]) => ({
    apply: endpointSlice(
      name,
      [...new Set(ips)].map((ip) => ({ ip: `10.1.1.${ip}`, pod: `${name}-v${1 + (ip % 2)}-0`, ready })),
      9080,
      ns,
    ),
  })),
  fc.integer({ min: 0, max: 100 }).map((v1) => ({ apply: reviewsSplit(v1, 100 - v1) })),
  fc.constant({ apply: reviewsSubsets }),
  fc.constant({ apply: ingress }),
  fc.tuple(namespace, fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE')).map(([ns, mode]) => ({
    apply: peerAuthentication(ns, mode),
  })),
  fc.tuple(fc.constantFrom('Service', 'EndpointSlice', 'Pod'), app, namespace).map(([kind, name, ns]) => ({
    remove: [kind, ns, kind === 'Service' ? name : kind === 'Pod' ? `${name}-v1-0` : `${name}-1`] as const,
  })),
  fc
    .constantFrom(
      ['VirtualService', 'bookinfo', 'reviews'] as const,
      ['DestinationRule', 'bookinfo', 'reviews'] as const,
      ['Gateway', 'bookinfo', 'bookinfo'] as const,
      ['PeerAuthentication', 'shop', 'default'] as const,
    )
    .map((remove) => ({ remove })),
  fc.record({ accessLogFile: fc.constantFrom('', '/dev/stdout'), enableAutoMtls: fc.boolean() }).map((meshConfig) => ({
    meshConfig,
  })),
);

const proxies: readonly MeshProxy[] = [
  describeProxy({ podName: 'reviews-v1-0', ipAddresses: ['10.1.1.1'] }),
  describeProxy({ podName: 'ratings-v2-0', ipAddresses: ['10.1.1.2'], namespace: 'shop' }),
  describeProxy(ingressProxy),
];

function perform(pipeline: Pipeline, change: Edit): void {
  if ('apply' in change) pipeline.objects.apply(change.apply);
  else if ('remove' in change) pipeline.objects.delete(...change.remove);
  else pipeline.objects.applyMeshConfig(change.meshConfig);
}

/** What every proxy would be served, as text. */
async function contents(pipeline: Pipeline): Promise<readonly string[]> {
  const subscriptions = await Promise.all(proxies.map((proxy) => connect(pipeline, proxy)));
  return subscriptions.flatMap((subscription, at) =>
    listResources(subscription.current()).map((line) => `${proxies[at]?.podName} ${line}`),
  );
}

describe('any sequence of edits', () => {
  it('gives the same bytes as a build from scratch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 5 }),
        async (edits, pause) => {
          const grown = startPipeline();
          const subscriptions = await Promise.all(proxies.map((proxy) => connect(grown, proxy)));
          for (const [at, change] of edits.entries()) {
            perform(grown, change);
            if (at % pause === 0) await grown.settled();
          }
          await grown.settled();
          const incremental = subscriptions.flatMap((subscription, at) =>
            listResources(subscription.current()).map((line) => `${proxies[at]?.podName} ${line}`),
          );
          const fresh = startPipeline();
          for (const change of edits) perform(fresh, change);
          const scratch = await contents(fresh);
          await Promise.all([grown.stop(), fresh.stop()]);
          expect(incremental).to.deep.equal(scratch);
          expect(grown.faults).to.deep.equal([]);
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 40_000 },
    );
  }).timeout(60_000);
});
