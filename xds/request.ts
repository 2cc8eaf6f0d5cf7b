/** Discovery requests of both protocols as parsed from the wire. */
import { LateenError } from '#runtime/core/index.ts';
import { decode, type Message } from '#wire/index.ts';
import { type ResourceType, resourceType } from './types.ts';
import { HEALTH_INFORMATION, type HealthReport } from './workloads.ts';

export interface DeltaRequest {
  readonly protocol: 'delta';
  readonly type: ResourceType;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: Readonly<Record<string, string>>;
  /** Empty when the request answers nothing. */
  readonly nonce: string;
  /** Why the answered response was refused. */
  readonly error: string | undefined;
}

export interface WorldRequest {
  readonly protocol: 'sotw';
  readonly type: ResourceType;
  /** All names of interest; empty may mean everything. */
  readonly names: readonly string[];
  readonly nonce: string;
  readonly error: string | undefined;
}

export type ClientRequest = DeltaRequest | WorldRequest;

/** Whether there may be more to remember of a client than before it said this: an acknowledgement leaves less. */
export function mayGrow(request: ClientRequest): boolean {
  if (request.error !== undefined || request.protocol === 'sotw') return true;
  const { subscribe, unsubscribe, initialVersions } = request;
  if (subscribe.length + unsubscribe.length > 0) return true;
  for (const _ in initialVersions) return true;
  return false;
}
export type Protocol = ClientRequest['protocol'];

/** A question about the control plane itself; see debug.ts. */
export interface DebugQuestion {
  /** `istio.io/debug` or one below it. */
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly nonce: string;
}

/** A request, a question or a report of health and, in the first of a stream, who sends it. */
export type ParsedRequest = { readonly node: Message<'envoy.config.core.v3.Node'> | undefined } & (
  | { readonly request: ClientRequest }
  | { readonly question: DebugQuestion }
  | { readonly report: HealthReport }
);

const DEBUG_TYPE = /^istio\.io\/debug(\/|$)/;

const NO_VERSIONS: Readonly<Record<string, string>> = {};

/** Throws LateenError `invalid` when the bytes are no such request or ask for a type that nobody serves. */
export function parseRequest(protocol: Protocol, bytes: Uint8Array): ParsedRequest {
  if (protocol === 'delta') {
    const message = decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
    const { node, typeUrl = '', responseNonce: nonce = '' } = message;
    if (DEBUG_TYPE.test(typeUrl))
      return { question: { typeUrl, names: message.resourceNamesSubscribe ?? [], nonce }, node };
    if (typeUrl === HEALTH_INFORMATION) return { report: parseReport(message.errorDetail), node };
    const request: DeltaRequest = {
      protocol,
      type: parseType(typeUrl),
      subscribe: message.resourceNamesSubscribe ?? [],
      unsubscribe: message.resourceNamesUnsubscribe ?? [],
      initialVersions: message.initialResourceVersions ?? NO_VERSIONS,
      nonce,
      error: parseError(message.errorDetail),
    };
    return { request, node };
  }
  const message = decode('envoy.service.discovery.v3.DiscoveryRequest', bytes);
  const { node, typeUrl = '', responseNonce: nonce = '' } = message;
  if (DEBUG_TYPE.test(typeUrl)) return { question: { typeUrl, names: message.resourceNames ?? [], nonce }, node };
  if (typeUrl === HEALTH_INFORMATION) return { report: parseReport(message.errorDetail), node };
  const request: WorldRequest = {
    protocol,
    type: parseType(typeUrl),
    names: message.resourceNames ?? [],
    nonce,
    error: parseError(message.errorDetail),
  };
  return { request, node };
}

/** Longer requests name much, and seldom the same. */
const MOST_REMEMBERED_BYTES = 512;

/** Requests of all streams of a process. */
export class RequestParser {
  /** The last acknowledgement of each length and protocol: those of different types have different lengths. */
  readonly #latest: Readonly<Record<Protocol, ({ bytes: Uint8Array; parsed: ParsedRequest } | undefined)[]>> = {
    delta: [],
    sotw: [],
  };

  /**
   * As `parseRequest`. Clients with the same history say in the same bytes that they have taken a change up: these are
   * read once for all of them.
   */
  parse(protocol: Protocol, bytes: Uint8Array): ParsedRequest {
    if (bytes.length > MOST_REMEMBERED_BYTES) return parseRequest(protocol, bytes);
    const latest = this.#latest[protocol];
    const known = latest[bytes.length];
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.parsed;
    const parsed = parseRequest(protocol, bytes);
    if ('request' in parsed && parsed.request.nonce !== '')
      latest[bytes.length] = { bytes: Uint8Array.from(bytes), parsed };
    return parsed;
  }
}

/** A type that is asked for and not served. */
export class UnknownTypeError extends LateenError {
  readonly typeUrl: string;

  constructor(typeUrl: string) {
    super('invalid', `no resources of type "${typeUrl.slice(0, 200)}" are served`);
    this.typeUrl = typeUrl;
  }
}

function parseType(typeUrl: string): ResourceType {
  const type = resourceType(typeUrl);
  if (type === undefined) throw new UnknownTypeError(typeUrl);
  return type;
}

/** Of what a client says about a refusal so much is remembered: Envoy's words are seldom longer than a line. */
const LONGEST_REFUSAL = 4_096;

/** An error says that the application is not healthy, and why. */
function parseReport(error: Message<'google.rpc.Status'> | undefined): HealthReport {
  return { healthy: error === undefined, message: parseError(error) ?? '' };
}

function parseError(error: Message<'google.rpc.Status'> | undefined): string | undefined {
  if (error === undefined) return undefined;
  const { message = '', code = 0 } = error;
  if (message === '') return `code ${code}`;
  if (message.length <= LONGEST_REFUSAL) return message;
  // A part of a string keeps the whole of it.
  return `${Buffer.from(message.slice(0, LONGEST_REFUSAL)).toString()}…`;
}
