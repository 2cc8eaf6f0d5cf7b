import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { KubeObject, KubeStatus } from './objects.ts';
import { type Resource, resourcePath } from './resources.ts';

export interface WatchEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchRequest {
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly resourceVersion: string;
  /** When the server shall end the watch. */
  readonly timeoutSeconds: number;
  /** Longest time without a byte. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called when the server has accepted the watch. */
  readonly onAccepted?: () => void;
}

/** Longest line that is believed; etcd holds objects up to 1.5 MB. */
const maximumLine = 16 * 1024 * 1024;

/**
 * One watch connection: yields the events of each chunk together, ends when the server ends the watch. Fails with the
 * server's error (as `isExpired` for 410), `deadline` after silence, `unavailable` on a broken line or connection.
 * A last line without its newline is dropped: the event comes again when the watch resumes.
 */
export async function* readWatchEvents<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  request: WatchRequest,
): AsyncGenerator<readonly WatchEvent<T>[]> {
  const { namespace, signal, silenceMs, onAccepted, ...query } = request;
  const body = await client.transport.stream({
    method: 'GET',
    path: resourcePath(resource, namespace),
    query: { ...query, watch: true, allowWatchBookmarks: true },
    signal,
    timeoutMs: silenceMs,
  });
  onAccepted?.();
  let rest: Uint8Array[] = [];
  let restLength = 0;
  try {
    for await (const chunk of body) {
      const end = chunk.lastIndexOf(10);
      if (end >= 0) {
        const text = Buffer.concat([...rest, chunk.subarray(0, end)]).toString('utf8');
        rest = [];
        restLength = 0;
        yield* parseLines<T>(text, resource);
      }
      const tail = chunk.subarray(end + 1);
      if (tail.length > 0) rest.push(tail);
      restLength += tail.length;
      if (restLength > maximumLine)
        throw new KubeError('unavailable', `watch of ${resource.plural}: a line is too long`);
    }
  } catch (thrown) {
    throw thrown instanceof KubeError ? thrown : toWatchError(resource, thrown);
  }
}

/** Good lines before a bad one are delivered, so that the watch resumes behind them. */
function* parseLines<T extends KubeObject>(text: string, resource: Resource): Generator<readonly WatchEvent<T>[]> {
  const events: WatchEvent<T>[] = [];
  let failure: KubeError | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const parsed = parseEvent<T>(line, resource);
    if (parsed instanceof KubeError) {
      failure = parsed;
      break;
    }
    events.push(parsed);
  }
  if (events.length > 0) yield events;
  if (failure !== undefined) throw failure;
}

function parseEvent<T extends KubeObject>(line: string, resource: Resource): WatchEvent<T> | KubeError {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line) as { type?: unknown; object?: unknown };
  } catch (thrown) {
    return new KubeError('unavailable', `watch of ${resource.plural}: a line is not JSON`, { cause: thrown });
  }
  if (event.type === 'ERROR') return toStatusError(resource, (event.object ?? {}) as KubeStatus);
  if (isEvent<T>(event)) return event;
  return new KubeError('unavailable', `watch of ${resource.plural}: a line is no event`);
}

function isEvent<T extends KubeObject>(event: { type?: unknown; object?: unknown }): event is WatchEvent<T> {
  const { type, object } = event;
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') return false;
  if (typeof object !== 'object' || object === null || !('metadata' in object)) return false;
  const metadata = object.metadata as { name?: unknown; resourceVersion?: unknown } | null;
  return typeof metadata?.resourceVersion === 'string' && (type === 'BOOKMARK' || typeof metadata.name === 'string');
}

function toStatusError(resource: Resource, status: KubeStatus): KubeError {
  const seconds = status.details?.retryAfterSeconds;
  return new KubeError(
    'unavailable',
    `watch of ${resource.plural}: ${status.reason ?? status.code ?? 'error'}: ${status.message ?? ''}`,
    {
      httpStatus: status.code ?? 0,
      status,
      retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
    },
  );
}

function toWatchError(resource: Resource, thrown: unknown): KubeError {
  const name = thrown instanceof Error ? thrown.name : '';
  const code =
    name === 'BodyTimeoutError' || name === 'HeadersTimeoutError'
      ? 'deadline'
      : name === 'AbortError'
        ? 'aborted'
        : 'unavailable';
  return new KubeError(
    code,
    `watch of ${resource.plural}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    { cause: thrown },
  );
}
