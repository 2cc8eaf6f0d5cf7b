import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { ingressProxy } from '#test/support/bookinfo.ts';
import { editedNamespaces, editedSocket, type MeshEdit, meshEdit, performEdit } from '#test/support/meshedits.ts';
import { connect, describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { describeTables, listClaims, listRouteNeeds } from '#test/support/routetables.ts';
import type { Proxy as MeshProxy, Snapshot } from '#xds/source.ts';

/** What passes after an edit: nothing, a turn of the event loop (so that edits meet a running build), or a whole build. */
type Pause = 'none' | 'turn' | 'built';

/** A sidecar in each namespace, two whose labels and addresses make views of their own, and a gateway. */
const envoys: readonly MeshProxy[] = [
  ...editedNamespaces.map((namespace, at) =>
    describeProxy({ namespace, podName: `reviews-v${1 + (at % 2)}-0`, ipAddresses: [`10.1.1.${1 + at}`] }),
  ),
  describeProxy({ podName: 'stranger-0', ipAddresses: ['10.1.1.4', 'fd01::4'], labels: { app: 'reviews' } }),
  describeProxy({ podName: 'tproxy-0', namespace: 'shop', interceptionMode: 'TPROXY', network: 'net-2' }),
  describeProxy(ingressProxy),
];

/** Each with its route tables whole and, as an Envoy on delta has them, as virtual hosts of their own; and agents. */
const proxies: readonly MeshProxy[] = [
  ...envoys,
  ...envoys.map((proxy) => ({ ...proxy, connectionId: `${proxy.connectionId}-split`, virtualHosts: true })),
  describeProxy({ podName: 'agent-0', client: 'agent' }),
  describeProxy({ podName: 'agent-1', namespace: 'shop', client: 'agent', ipAddresses: ['10.1.1.5', 'fd01::5'] }),
];

/** Everything that a session reads of a snapshot, as text. */
function describeSnapshot(snapshot: Snapshot | undefined): readonly string[] {
  const lines: string[] = [];
  for (const [type, resources] of snapshot?.types ?? []) {
    for (const [name, { version, bytes, needs, endpointsName = '', routeNames = [], claims = [] }] of resources) {
      const hash = createHash('sha256').update(bytes).digest('base64url');
      const lists = [needs, routeNames, claims].map((list) => list.join());
      lines.push([type.split('.').at(-1), name, version, hash, endpointsName, ...lists].join(' '));
    }
  }
  return lines.sort();
}

/** Forms of resources that few edits make: type, name and what the bytes contain. */
const RARE_FORMS = {
  'a cluster that looks up the names of requests': [/^Cluster outbound\|.*\*/, 'envoy.clusters.dynamic_forward_proxy'],
  'a server name that is looked up': [/^Listener /, 'envoy.filters.network.sni_dynamic_forward_proxy'],
  'an endpoint that is a socket': [/^ClusterLoadAssignment outbound\|/, editedSocket],
} as const;

function findRareForms(snapshot: Snapshot | undefined): readonly string[] {
  const resources = [...(snapshot?.types ?? [])].flatMap(([type, resources]) =>
    [...resources.values()].map(({ name, bytes }) => ({ title: `${type.split('.').at(-1)} ${name}`, bytes })),
  );
  return Object.entries(RARE_FORMS).flatMap(([form, [pattern, content]]) =>
    resources.some(({ title, bytes }) => pattern.test(title) && Buffer.from(bytes).includes(content)) ? [form] : [],
  );
}

/** What each proxy is served once everything is built, and whose resources that comes from. */
async function readContents(pipeline: Pipeline, snapshots: readonly (() => Snapshot | undefined)[]) {
  await pipeline.settled();
  return proxies.flatMap(({ connectionId }, at) => {
    const sources = pipeline.source.snapshotOf(connectionId)?.sources.flat() ?? [];
    const lines = [
      ...sources.map((source) => `source ${source.kind} ${source.namespace}/${source.name} ${source.uid}`).sort(),
      ...describeSnapshot(snapshots[at]?.()),
    ];
    return lines.map((line) => `${connectionId} ${line}`);
  });
}

async function connectAll(pipeline: Pipeline): Promise<readonly (() => Snapshot | undefined)[]> {
  const subscriptions = await Promise.all(proxies.map((proxy) => connect(pipeline, proxy)));
  return subscriptions.map((subscription) => () => subscription.current());
}

/** That both forms of a proxy's route tables say the same, and that no domain is claimed twice: Envoy would refuse it. */
function compareForms(whole: Snapshot | undefined, split: Snapshot | undefined): void {
  expect(describeTables(split)).to.deep.equal(describeTables(whole));
  expect(listRouteNeeds(split)).to.deep.equal(listRouteNeeds(whole));
  const claims = listClaims(split);
  expect([...new Set(claims)]).to.deep.equal(claims);
}

describe('any sequence of edits', () => {
  it('gives the same bytes, from the same sources, as a build from scratch', async () => {
    const step = fc.tuple(meshEdit, fc.constantFrom<Pause>('none', 'turn', 'built', 'built'));
    const seen = new Set<string>();
    const forms = new Set<string>();
    let contested = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
        async (steps: [MeshEdit, Pause][]) => {
          const grown = startPipeline();
          const snapshots = await connectAll(grown);
          for (const [edit, pause] of steps) {
            performEdit(grown, edit);
            if (pause === 'turn') await new Promise((resolve) => setImmediate(resolve));
            if (pause === 'built') await grown.settled();
          }
          const incremental = await readContents(grown, snapshots);
          const fresh = startPipeline();
          for (const [edit] of steps) performEdit(fresh, edit);
          const built = await connectAll(fresh);
          const scratch = await readContents(fresh, built);
          await Promise.all([grown.stop(), fresh.stop()]);
          expect(incremental).to.deep.equal(scratch);
          expect(grown.faults).to.deep.equal([]);
          for (const at of envoys.keys()) compareForms(built[at]?.(), built[at + envoys.length]?.());
          for (const snapshot of built) for (const form of findRareForms(snapshot())) forms.add(form);
          contested += fresh.graph.read(fresh.model.contestedHosts, '').size;
          for (const line of scratch) seen.add(line.split(' ').slice(1, 3).join(' '));
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 40_000 },
    );
    // The edits meet, or the comparison would prove little.
    for (const type of ['Cluster', 'ClusterLoadAssignment', 'Listener', 'RouteConfiguration', 'VirtualHost'])
      expect([...seen].filter((name) => name.startsWith(`${type} `)).length, type).to.be.greaterThan(10);
    expect([...seen].filter((name) => name.startsWith('NameTable ')).length, 'parts of names').to.be.greaterThan(2);
    expect(contested, 'hosts that several namespaces declare').to.be.greaterThan(0);
    expect([...forms]).to.have.members(Object.keys(RARE_FORMS));
  }).timeout(60_000);
});
