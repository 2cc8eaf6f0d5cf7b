/** Discovery requests of both protocols as parsed from the wire. */
import { LateenError } from '#runtime/core/index.ts';
import { decode, type Message } from '#wire/index.ts';
import { type ResourceType, resourceType } from './types.ts';

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
export type Protocol = ClientRequest['protocol'];

/** A request and, in the first of a stream, who sends it. */
export interface ParsedRequest {
  readonly request: ClientRequest;
  readonly node: Message<'envoy.config.core.v3.Node'> | undefined;
}

const NO_VERSIONS: Readonly<Record<string, string>> = {};

/** Throws LateenError `invalid` when the bytes are no such request or ask for a type that nobody serves. */
export function parseRequest(protocol: Protocol, bytes: Uint8Array): ParsedRequest {
  if (protocol === 'delta') {
    const message = decode('envoy.service.discovery.v3.DeltaDiscoveryRequest', bytes);
    const request: DeltaRequest = {
      protocol,
      type: parseType(message.typeUrl),
      subscribe: message.resourceNamesSubscribe ?? [],
      unsubscribe: message.resourceNamesUnsubscribe ?? [],
      initialVersions: message.initialResourceVersions ?? NO_VERSIONS,
      nonce: message.responseNonce ?? '',
      error: parseError(message.errorDetail),
    };
    return { request, node: message.node };
  }
  const message = decode('envoy.service.discovery.v3.DiscoveryRequest', bytes);
  const request: WorldRequest = {
    protocol,
    type: parseType(message.typeUrl),
    names: message.resourceNames ?? [],
    nonce: message.responseNonce ?? '',
    error: parseError(message.errorDetail),
  };
  return { request, node: message.node };
}

/** A type that is asked for and not served. */
export class UnknownTypeError extends LateenError {
  readonly typeUrl: string;

  constructor(typeUrl: string) {
    super('invalid', `no resources of type "${typeUrl.slice(0, 200)}" are served`);
    this.typeUrl = typeUrl;
  }
}

function parseType(typeUrl = ''): ResourceType {
  const type = resourceType(typeUrl);
  if (type === undefined) throw new UnknownTypeError(typeUrl);
  return type;
}

function parseError(error: Message<'google.rpc.Status'> | undefined): string | undefined {
  if (error === undefined) return undefined;
  return error.message === undefined || error.message === '' ? `code ${error.code ?? 0}` : error.message;
}
