/** Snapshots of connected proxies, kept current: the join of the graph with the xDS sessions. */
import type { Builder, Graph, Root, RootResult } from '#graph/index.ts';
import { type MeshQueries, renderProxyFacts, type SourceRef } from '#model/index.ts';
import { type Clock, type Component, untilAborted } from '#runtime/core/index.ts';
import type {
  AskedNames,
  Proxy as MeshProxy,
  ServedResource,
  Snapshot,
  SnapshotSource,
  Subscription,
} from '#xds/source.ts';
import { type Built, createBuiltQueries } from './built.ts';
import { createEntryQueries } from './entries.ts';
import type { Entry } from './entry.ts';
import { factsOf } from './facts.ts';
import { FaultReports } from './fault-reports.ts';
import { joinSnapshot, listSources } from './join.ts';
import { sourcesOf } from './provenance.ts';
import { SECRET_TYPE } from './resource.ts';
import { createSecretQueries, resolveSecretKey, type SecretAuthorizer, SecretPermissions } from './secrets.ts';
import { type Combination, createSnapshotQueries, describeCombination, renderProxyKey } from './snapshots.ts';
import { Wake } from './wake.ts';

export interface SnapshotSourceOptions {
  readonly graph: Graph;
  /** The door through which the graph is edited; `onEdited` of it must call `edited`. */
  readonly builder: Builder;
  readonly model: MeshQueries;
  /** Settles once every source has delivered its first list: before it no snapshot exists. */
  readonly synced: Promise<void>;
  readonly secrets: SecretAuthorizer;
  readonly clock: Clock;
  /** A bug in building one resource or an unreachable authorizer: logged and lived with. Called once per distinct message and build. */
  readonly onFault: (what: string, error: unknown) => void;
  /** Called after each build, when `settledRevision` has grown. */
  readonly onSettled?: () => void;
  /** Some proxies are served something new, and these inputs have changed since the last build; none: others have joined. */
  readonly onServed?: (inputs: readonly string[]) => void;
}

export interface ServedFrom {
  readonly revision: number;
  readonly sources: readonly (readonly SourceRef[])[];
  /** Of those, the ones that decide what the proxy is served and are behind no single resource. */
  readonly deciding: readonly SourceRef[];
}

/** The source with what status and debugging ask of it. Ids are connection ids; unknown ones yield nothing. */
export interface MeshSnapshotSource extends SnapshotSource, Component {
  /** The graph has a new revision; cheap. `partial`: what belongs to it is about to come, and may be built with it. */
  edited(partial?: boolean): void;
  /** What such a proxy would be served, though none is connected; undefined when it cannot be built. */
  prepare(proxy: MeshProxy, signal: AbortSignal): Promise<Snapshot | undefined>;
  /**
   * The user resources that contribute to what this proxy is served now, and the revision that this came in with. They
   * come in lists that proxies share; none is in two of them. The identical object while that is the same.
   */
  snapshotOf(connectionId: string): ServedFrom | undefined;
  /** The user resources behind a resource that this proxy holds or is to hold; of a secret, those that name it. */
  sourcesOf(connectionId: string, resource: ServedResource): readonly SourceRef[];
  /** The user resources behind the named resources of one type, as served to this proxy. */
  blame(connectionId: string, typeUrl: string, names: readonly string[]): readonly SourceRef[];
  /** Connection ids of the proxies whose snapshot a user resource contributes to. */
  affected(source: Pick<SourceRef, 'cluster' | 'kind' | 'namespace' | 'name'>): readonly string[];
  /** Every snapshot has been rebuilt at this revision or later; -1 before the first build. */
  settledRevision(): number;
  /** Which combinations of view and class or gateway are in use, and by how many proxies; for debugging. */
  combinations(): readonly (Combination & { readonly proxies: number })[];
  /** The combination of one proxy. */
  combinationOf(connectionId: string): Combination | undefined;
}

/** Time between two clean-ups of what no connected proxy needs any more. */
const SWEEP_INTERVAL_MS = 60_000;
/** How long a part waits for what belongs to it: the API server tells of a Service and of its endpoints some milliseconds apart. */
const PARTIAL_WAIT_MS = 50;
/** How often permissions to read secrets are looked at again. */
const PERMISSION_INTERVAL_MS = 5_000;

interface Subscriber {
  readonly proxy: MeshProxy;
  readonly onChange: () => void;
  /** In the graph: another once it asks for the name table beside what every proxy gets. */
  root: Root<Built>;
  /** As of the last build. */
  built: Built | undefined;
  snapshot: Snapshot | undefined;
  /** What was last said of built and snapshot; undefined once its user resources may be others. */
  servedFrom: ServedFrom | undefined;
  watched: AskedNames;
  /** What was last offered of the watched secrets. */
  secrets: ReadonlyMap<string, ServedResource>;
  /** Closed, or another of the same connection has come. */
  isGone: boolean;
}

export function createSnapshotSource(options: SnapshotSourceOptions): MeshSnapshotSource {
  const { graph, builder, clock } = options;
  const queries = createSnapshotQueries(graph, options.model, createEntryQueries(graph, options.model));
  const secrets = createSecretQueries(graph, options.model);
  const permissions = new SecretPermissions(options.secrets, clock);
  const built = createBuiltQueries(graph, options.model, queries);
  const subscribers = new Map<string, Subscriber>();
  /** Proxies that ask for secrets. */
  const watching = new Set<Subscriber>();
  const wake = new Wake(clock);
  const background = new Set<Promise<void>>();
  let settled = -1;
  let departed = 0;
  const faults = new FaultReports(options.onFault);

  /** The user resources that name a secret which a proxy may ask for. */
  const usersOf = (subscriber: Subscriber | undefined, name: string): readonly SourceRef[] => {
    const combination = subscriber?.built?.combination;
    return combination === undefined ? [] : (graph.read(secrets.users, combination).get(name) ?? []);
  };

  /** Of the names that a proxy asks for those that user resources name. Costs the fewer of the two, as it may ask for anything. */
  function* usedSecrets({ built, watched }: Subscriber): Iterable<string> {
    if (watched.size === 0 || built?.combination === undefined) return;
    const users = graph.read(secrets.users, built.combination);
    if (watched.size < users.size) {
      for (const name of watched) if (users.has(name)) yield name;
    } else {
      for (const name of users.keys()) if (watched.names(name)) yield name;
    }
  }

  const offeredSecrets = (subscriber: Subscriber): ReadonlyMap<string, ServedResource> => {
    const { proxy } = subscriber;
    if (proxy.identity === undefined || !permissions.allows(proxy.identity)) return NO_SECRETS;
    const offered = new Map<string, ServedResource>();
    for (const name of usedSecrets(subscriber)) {
      const key = resolveSecretKey(proxy, name);
      const secret = key === undefined ? undefined : graph.read(secrets.secret, key);
      if (secret !== undefined) offered.set(name, secret);
    }
    return offered;
  };

  /** Takes over a build's result; says whether anything the proxy is served changed. */
  const publish = (subscriber: Subscriber, result: RootResult<Built>, revision: number): boolean => {
    if ('error' in result) {
      options.onFault(`snapshot of ${subscriber.proxy.nodeId}`, result.error);
      return false;
    }
    const { built: before } = subscriber;
    if (before === result.value) return false;
    const { view, own } = result.value;
    subscriber.built = result.value;
    if (before?.view.summary !== view.summary || before.own.summary !== own.summary) subscriber.servedFrom = undefined;
    faults.note(before, result.value);
    if (before?.view.types === view.types && before.own.types === own.types) return false;
    const joined = joinSnapshot(view, own, revision);
    // A proxy that moves to another combination must not seem to have acknowledged what was there before it came.
    subscriber.snapshot = joined.revision > (subscriber.snapshot?.revision ?? -1) ? joined : { ...joined, revision };
    return true;
  };

  /** Says whether a secret that the proxy watches is another. */
  const publishSecrets = (subscriber: Subscriber): boolean => {
    const { secrets: before } = subscriber;
    const offered = offeredSecrets(subscriber);
    if (offered.size === before.size && [...offered].every(([name, secret]) => before.get(name) === secret))
      return false;
    subscriber.secrets = offered;
    return true;
  };

  const build = async (signal: AbortSignal): Promise<void> => {
    const present = [...subscribers.values()];
    const roots = present.map(({ root }) => root);
    const changed = graph.changedInputs(settled);
    let isNews = false;
    const outcome = await builder.build(roots, { signal });
    if (outcome.kind !== 'built') return;
    settled = outcome.revision;
    outcome.results.forEach((result, at) => {
      const subscriber = present[at];
      if (subscriber === undefined || subscriber.isGone) return;
      const served = publish(subscriber, result, outcome.revision);
      const offered = subscriber.watched !== NO_NAMES && publishSecrets(subscriber);
      if (!served && !offered) return;
      isNews = true;
      subscriber.onChange();
    });
    if (isNews) options.onServed?.(changed);
    faults.report(subscribers.values());
    options.onSettled?.();
  };

  /** Runs beside the builds, which must not wait for the API server. */
  const refreshPermissions = (signal: AbortSignal): void => {
    if (watching.size === 0) return;
    const asking = [...watching].filter((one) => [...usedSecrets(one)].length > 0);
    const identities = asking.flatMap(({ proxy: { identity } }) => (identity === undefined ? [] : [identity]));
    const refreshing = permissions
      .refresh(identities, signal, (error) => options.onFault('authorization of secrets', error))
      .then((changed) => {
        if (changed) wake.up();
      })
      .finally(() => background.delete(refreshing));
    background.add(refreshing);
  };

  /** What the next build reads again. */
  function* rootsInUse(): Iterable<Root> {
    for (const subscriber of subscribers.values()) {
      const { proxy, root, built, watched } = subscriber;
      yield root;
      if (watched.size === 0 || built?.combination === undefined) continue;
      yield { query: secrets.users, key: built.combination };
      for (const name of usedSecrets(subscriber)) {
        const key = resolveSecretKey(proxy, name);
        if (key !== undefined) yield { query: secrets.secret, key };
      }
    }
  }

  const sweep = (): void => {
    graph.sweep(rootsInUse());
    departed = 0;
  };

  const subscriberOf = (connectionId: string) => subscribers.get(connectionId);

  return {
    name: 'snapshots',

    async run(signal) {
      await Promise.race([options.synced, untilAborted(signal)]);
      let sweepDue = clock.monotonic() + SWEEP_INTERVAL_MS;
      wake.up();
      while (!signal.aborted) {
        await wake.wait(PERMISSION_INTERVAL_MS, signal);
        if (signal.aborted) break;
        if (wake.take()) await build(signal).catch(unlessAborted(signal));
        refreshPermissions(signal);
        if (departed > 0 && clock.monotonic() >= sweepDue) {
          sweepDue = clock.monotonic() + SWEEP_INTERVAL_MS;
          sweep();
        }
      }
      await Promise.all(background);
    },

    edited(partial = false) {
      if (partial) wake.upWithin(PARTIAL_WAIT_MS);
      else wake.up();
    },

    async prepare(proxy, signal) {
      const outcome = await builder.build([{ query: built.proxy, key: rootKeyOf(proxy) }], { signal });
      const [result] = outcome.kind === 'built' ? outcome.results : [];
      // What cannot be built is told when a proxy needs it.
      if (result === undefined || 'error' in result) return undefined;
      return joinSnapshot(result.value.view, result.value.own, outcome.revision);
    },

    subscribe(proxy, onChange): Subscription {
      const key = rootKeyOf(proxy);
      const subscriber: Subscriber = {
        proxy,
        onChange,
        root: { query: proxy.client === 'agent' ? built.agent : built.proxy, key },
        built: undefined,
        snapshot: undefined,
        servedFrom: undefined,
        watched: NO_NAMES,
        secrets: NO_SECRETS,
        isGone: false,
      };
      const before = subscribers.get(proxy.connectionId);
      if (before !== undefined) before.isGone = true;
      subscribers.set(proxy.connectionId, subscriber);
      wake.up();
      return {
        current: () => subscriber.snapshot,
        secrets: () => subscriber.secrets,
        watchNames() {
          if (subscriber.root.query !== built.proxy) return;
          subscriber.root = { query: built.named, key };
          wake.up();
        },
        watchSecrets(names) {
          subscriber.watched = names;
          watching.add(subscriber);
          wake.up();
        },
        close() {
          if (subscriber.isGone) return;
          subscriber.isGone = true;
          subscribers.delete(proxy.connectionId);
          watching.delete(subscriber);
          faults.note(subscriber.built, undefined);
          departed += 1;
        },
      };
    },

    snapshotOf(connectionId) {
      const subscriber = subscriberOf(connectionId);
      if (subscriber?.snapshot === undefined || subscriber.built === undefined) return undefined;
      const { snapshot, built, servedFrom } = subscriber;
      if (servedFrom?.revision === snapshot.revision) return servedFrom;
      // Most changes leave whose it is as it was.
      subscriber.servedFrom = {
        revision: snapshot.revision,
        sources: servedFrom?.sources ?? listSources(built.view, built.own),
        deciding: built.view.summary.deciding ?? NOTHING,
      };
      return subscriber.servedFrom;
    },

    sourcesOf(connectionId, resource) {
      return resource.typeUrl === SECRET_TYPE
        ? usersOf(subscriberOf(connectionId), resource.name)
        : sourcesOf(resource);
    },

    blame(connectionId, type, names) {
      const subscriber = subscriberOf(connectionId);
      if (type === SECRET_TYPE) return names.flatMap((name) => usersOf(subscriber, name));
      const combination = subscriber?.built?.combination;
      if (combination === undefined) return [];
      const wanted = new Set(names);
      const isMeant = (entry: Entry) => 'resource' in entry && wanted.has(entry.resource.name);
      const entries = graph.read(queries.entries, combination).get(type) ?? [];
      return entries.filter(isMeant).flatMap((entry) => entry.sources);
    },

    affected(source) {
      return [...subscribers.values()]
        .filter(({ built }) => built !== undefined && isServedFrom(built, source))
        .map(({ proxy }) => proxy.connectionId);
    },

    settledRevision: () => settled,

    combinations() {
      const counts = new Map<string, number>();
      for (const { built } of subscribers.values()) {
        const combination = built?.combination;
        if (combination !== undefined) counts.set(combination, (counts.get(combination) ?? 0) + 1);
      }
      return [...counts].map(([combination, proxies]) => ({ ...describeCombination(combination), proxies }));
    },

    combinationOf(connectionId) {
      const combination = subscriberOf(connectionId)?.built?.combination;
      return combination === undefined ? undefined : describeCombination(combination);
    },
  };
}

function rootKeyOf(proxy: MeshProxy): string {
  const facts = renderProxyFacts(factsOf(proxy));
  if (proxy.client === 'agent') return facts;
  return renderProxyKey(proxy.client === 'grpc' ? 'grpc' : proxy.virtualHosts ? 'split' : 'whole', facts);
}

const NOTHING: readonly SourceRef[] = [];
const NO_SECRETS: ReadonlyMap<string, ServedResource> = new Map();
const NO_NAMES: AskedNames = { size: 0, names: () => false, [Symbol.iterator]: () => [][Symbol.iterator]() };

/** Being told to stop in the middle of a build is no fault. */
function unlessAborted(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

function isServedFrom(
  { view, own }: Built,
  wanted: Pick<SourceRef, 'cluster' | 'kind' | 'namespace' | 'name'>,
): boolean {
  return listSources(view, own).some((sources) =>
    sources.some(
      ({ cluster, kind, namespace, name }) =>
        cluster === wanted.cluster && kind === wanted.kind && namespace === wanted.namespace && name === wanted.name,
    ),
  );
}
