import { type Clock, type Component, LateenError, pause, systemClock } from '#runtime/core/index.ts';
import type { KubeClient } from './client.ts';
import { isExpired, KubeError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';
import { createWatchPace, type WatchPace } from './watch-pace.ts';
import { readWatchEvents, type WatchEvent } from './watch-stream.ts';

/** What happened to one object. A deletion carries the object's last state. */
export type Change<T extends KubeObject> = { readonly type: 'set' | 'delete'; readonly object: T };

/**
 * `replace`: the whole collection as listed; whatever is not in it no longer exists.
 * `changes`: what arrived together, in order.
 */
export type Batch<T extends KubeObject> =
  | { readonly type: 'replace'; readonly objects: readonly T[] }
  | { readonly type: 'changes'; readonly changes: readonly Change<T>[] };

/** Takes a list as it comes, so that a large one neither stands in memory as a whole nor is dealt with at once. */
export interface ListTaker<T extends KubeObject> {
  /** Some of the objects; the next come once the promise is resolved. Must not throw. */
  take(objects: readonly T[]): Promise<void>;
  /** These were all: whatever was not taken no longer exists. Not called for a list that fails half-way. */
  end(): void;
}

/** A fault of a watch that it recovers from by itself. */
export interface WatchTrouble {
  readonly error: LateenError;
  readonly retryInMs: number;
  /** True while the kind itself does not exist on the server (a CustomResourceDefinition not there yet). */
  readonly kindMissing: boolean;
}

export interface WatchKindOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Called on every object before it is kept or delivered; drop what nobody reads. Default: drops managedFields. */
  readonly trim?: (object: T) => T;
  /** Called with every batch, never concurrently. Must not throw. */
  readonly onBatch: (batch: Batch<T>) => void;
  /** Called for each list, which is handed over to what it returns, instead of in a batch. */
  readonly onList?: () => ListTaker<T>;
  readonly onTrouble?: (trouble: WatchTrouble) => void;
  readonly clock?: Clock;
  /** In [0, 1); spreads retries. */
  readonly random?: () => number;
  /** A watch that is silent for this long is taken for dead. Default 55,000. */
  readonly silenceMs?: number;
  readonly pageSize?: number;
}

export interface KindWatch extends Component {
  /** Whether the initial list has been delivered. */
  readonly synced: boolean;
  /** Resolves when the initial list has been delivered; rejects when the signal aborts first. */
  whenSynced(signal?: AbortSignal): Promise<void>;
}

/** How many times a watch may fail in a row at the same resourceVersion before everything is listed again. */
const resumeAttempts = 3;

/**
 * Lists a kind and keeps watching it for as long as `run` lasts: pages the list, resumes from the last seen version or
 * bookmark, lists again (at once, if the last list is not fresh) when that is too old, and never gives up on faults nor
 * repeats them without a pause. `run` rejects only on bugs.
 */
export function watchKind<T extends KubeObject>(options: WatchKindOptions<T>): KindWatch {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const trim = options.trim ?? dropManagedFields;
  const silenceMs = options.silenceMs ?? 55_000;
  const { client, resource } = options;
  const { promise, resolve } = Promise.withResolvers<void>();
  let synced = false;

  async function list(signal: AbortSignal): Promise<string> {
    try {
      return await listPages(signal, options.pageSize);
    } catch (thrown) {
      // The continue token was forgotten between two pages: take the list in one piece.
      if (!isExpired(thrown)) throw thrown;
      return await listPages(signal, 0);
    }
  }

  async function listPages(signal: AbortSignal, pageSize: number | undefined): Promise<string> {
    const { namespace, labelSelector, fieldSelector } = options;
    const taker = options.onList?.() ?? takeWhole(options.onBatch);
    const version = await client.readPages<T>(
      resource,
      { namespace, labelSelector, fieldSelector, pageSize, signal },
      (items) => taker.take(items.map(trim)),
    );
    if (signal.aborted) throw signal.reason;
    taker.end();
    synced = true;
    resolve();
    return version;
  }

  /** Delivers the events of one watch until the server ends it; reports every version it passes through `onVersion`. */
  async function follow(
    from: string,
    pace: WatchPace,
    signal: AbortSignal,
    onVersion: (version: string) => void,
  ): Promise<void> {
    const { namespace, labelSelector, fieldSelector } = options;
    // The server ends the watch (after a bookmark) a little before our own deadline would call it dead.
    const timeoutSeconds = Math.max(1, Math.floor((silenceMs / 1000) * (0.75 + 0.15 * random())));
    const events = readWatchEvents<T>(client, resource, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: from,
      timeoutSeconds,
      silenceMs,
      signal,
      onAccepted: pace.accepted,
    });
    for await (const batch of events) {
      const changes = batch.flatMap((event) => readChange(event, trim));
      if (changes.length > 0) options.onBatch({ type: 'changes', changes });
      const version = batch.at(-1)?.object.metadata.resourceVersion;
      if (version !== undefined) onVersion(version);
    }
    // Going on at once would ask for the same again and again, as fast as the server answers.
    if (!pace.ended())
      throw new KubeError('unavailable', `watch of ${resource.plural}: the server ended it right away`);
  }

  return {
    name: `watch ${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}`,
    get synced() {
      return synced;
    },
    whenSynced: (signal) => waitFor(promise, signal),
    async run(signal) {
      const pace = createWatchPace(clock, random);
      let version: string | undefined;
      let failures = 0;
      const wait = (ms: number) => pause(clock, ms, signal);
      while (!signal.aborted) {
        try {
          if (version === undefined) {
            version = await list(signal);
            pace.listed();
          }
          await follow(version, pace, signal, (seen) => {
            version = seen;
            failures = 0;
            pace.moved();
          });
          failures = 0;
        } catch (thrown) {
          if (signal.aborted) break;
          const error = LateenError.from(thrown);
          if (error.code === 'internal' && !(error instanceof KubeError)) throw error;
          const expired = isExpired(thrown);
          const kindMissing = error.code === 'not-found';
          const atMost = kindMissing ? 2_000 : undefined;
          const paced = version === undefined ? pace.afterList(atMost) : pace.afterWatch(expired, atMost);
          const retryInMs = Math.max(paced, error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0);
          failures += 1;
          if (expired || failures >= resumeAttempts) {
            version = undefined;
            failures = 0;
          }
          options.onTrouble?.({ error, retryInMs, kindMissing });
          if (retryInMs > 0) await wait(retryInMs);
        }
      }
    },
  };
}

function takeWhole<T extends KubeObject>(onBatch: (batch: Batch<T>) => void): ListTaker<T> {
  const objects: T[] = [];
  return {
    async take(more) {
      for (const object of more) objects.push(object);
    },
    end: () => onBatch({ type: 'replace', objects }),
  };
}

function readChange<T extends KubeObject>(event: WatchEvent<T>, trim: (object: T) => T): readonly Change<T>[] {
  if (event.type === 'BOOKMARK') return [];
  return [{ type: event.type === 'DELETED' ? 'delete' : 'set', object: trim(event.object) }];
}

/** The default trim: managedFields are often half of an object, and nobody reads them from a watch. */
export function dropManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

async function waitFor(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(LateenError.from(signal.reason, 'aborted'));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
