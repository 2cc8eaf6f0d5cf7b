/** Questions that Istio's tools ask over xDS: `istioctl proxy-status` in protobuf, `istioctl x internal-debug` any page. */
import { type Clock, LateenError, nextTurn } from '#runtime/index.ts';
import { pack } from '#wire/index.ts';
import type { DebugAnswer, DebugQuestion, DebugResponder, ProvenIdentity, StreamState } from '#xds/index.ts';
import { resolveViewer, type Viewer, visibleStreams } from './access.ts';
import { buildDump } from './config-dump.ts';
import { findProxy } from './find-proxy.ts';
import type { Pages } from './page.ts';
import { createWallTime, sortStreams } from './pages.ts';
import { buildClientConfig, nameProxy } from './sync-status.ts';

const PAGE = 'istio.io/debug';
const SYNC_STATUS = 'istio.io/debug/syncz';
const CONFIG_DUMP = 'istio.io/debug/config_dump';

/** Longest answer that is collected in memory, in bytes; a longer one can be read as a page over HTTP. */
const LONGEST_ANSWER = 64 << 20;

export interface AnswersOptions {
  readonly pages: Pages;
  readonly streams: () => readonly StreamState[];
  readonly administrators: () => ReadonlySet<string>;
  readonly clock: Clock;
  /** This replica, as `core.v3.ControlPlane.identifier` says it. */
  readonly controlPlane: string;
}

type Resources = DebugAnswer['resources'];

export function createAnswers(options: AnswersOptions): DebugResponder {
  const { pages, streams, controlPlane, clock } = options;
  const wallTime = createWallTime(clock);

  const describeAll = (viewer: Viewer): Resources =>
    visibleStreams(viewer, sortStreams(streams())).map((stream) => ({
      name: nameProxy(stream.proxy),
      any: pack('envoy.service.status.v3.ClientConfig', buildClientConfig(stream, wallTime)),
    }));

  const dump = async ({ names }: DebugQuestion, viewer: Viewer): Promise<Resources> => {
    const [id = '', ...more] = names;
    const found = more.length > 0 ? undefined : findProxy(id, viewer, streams());
    // Without resources, which is how the client learns that it must ask another replica.
    if (found === undefined || 'problem' in found) return [];
    const parts: Resources[number][] = [];
    for await (const any of inSlices(buildDump(found, false), clock)) parts.push({ name: any.typeUrl, any });
    return parts;
  };

  const readPage = async ({ names }: DebugQuestion, viewer: Viewer): Promise<Resources> => {
    const [name = '', ...more] = names;
    if (name === '' || more.length > 0) throw new LateenError('invalid', 'exactly one debug request is required');
    if (!URL.canParse(name, 'http://localhost/')) throw new LateenError('invalid', 'the debug request is no path');
    const url = new URL(name, 'http://localhost/');
    const page = findPage(pages, url.pathname.slice(1));
    if (page !== undefined && page.audience === 'administrators' && viewer.sees !== 'mesh')
      throw new LateenError('forbidden', `${url.pathname.slice(1)} is for identities of the control plane's namespace`);
    const content = page?.render(url.searchParams, viewer);
    if (content === undefined) return [{ name, any: text('404 page not found\n') }];
    return [{ name, any: 'problem' in content ? text(`${content.text}\n`) : await collect(content.json, clock) }];
  };

  return {
    async answer(question: DebugQuestion, identity: ProvenIdentity) {
      const viewer = resolveViewer(identity, options.administrators());
      const answerOf = () => {
        if (question.typeUrl === SYNC_STATUS) return describeAll(viewer);
        if (question.typeUrl === CONFIG_DUMP) return dump(question, viewer);
        if (question.typeUrl === PAGE) return readPage(question, viewer);
        throw new LateenError('invalid', `no questions of type "${question.typeUrl.slice(0, 200)}" are answered`);
      };
      return { resources: await answerOf(), controlPlane };
    },
  };
}

/** The page of this name; names come from outside and may be anything. */
export function findPage(pages: Pages, name: string): Pages[string] | undefined {
  return Object.hasOwn(pages, name) ? pages[name] : undefined;
}

/** Lets the event loop run what is due whenever a slice of the work is done, however long the answer. */
async function* inSlices<V>(items: Iterable<V>, clock: Clock): AsyncIterable<V> {
  let sliceEnd = clock.monotonic() + SLICE_MS;
  for (const item of items) {
    yield item;
    if (clock.monotonic() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = clock.monotonic() + SLICE_MS;
  }
}

const SLICE_MS = 10;

async function collect(pieces: Iterable<string>, clock: Clock): Promise<Resources[number]['any']> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const piece of inSlices(pieces, clock)) {
    const part = Buffer.from(piece);
    length += part.length;
    if (length > LONGEST_ANSWER)
      throw new LateenError('unavailable', 'the answer is too long for xDS: ask for less, or read it over HTTP');
    parts.push(part);
  }
  return { typeUrl: PAGE, value: Buffer.concat(parts, length) };
}

function text(value: string): Resources[number]['any'] {
  return { typeUrl: PAGE, value: Buffer.from(value) };
}
