/**
 * Discovery responses at the level of bytes: resources are copied as they were encoded once, bodies that go to many
 * streams are built once, and what differs per stream (version, nonce) is appended. Protobuf allows fields in any order.
 * Field numbers: envoy/service/discovery/v3/discovery.proto.
 */
import { buildFrameHead, systemClock } from '#runtime/core/index.ts';
import type { Protocol } from './request.ts';
import type { Outgoing } from './session.ts';
import type { ServedResource } from './source.ts';
import type { Step } from './steps.ts';

/** Key of a length-delimited field. */
const field = (number: number): number => (number << 3) | 2;

/** `DiscoveryResponse` and `DeltaDiscoveryResponse` number these fields alike. */
const RESOURCES = field(2);
const VERSION = field(1);
const TYPE_URL = field(4);
const NONCE = field(5);
const REMOVED = field(6);
/** `Resource` */
const RESOURCE_VERSION = field(1);
const RESOURCE_BODY = field(2);
const RESOURCE_NAME = field(3);
const RESOURCE_ALIAS = field(4);
/** `google.protobuf.Any` */
const ANY_TYPE_URL = field(1);
const ANY_VALUE = field(2);

/** Messages of up to so many bytes are written in one piece: a write of its own for each part costs more. */
const SMALL_BYTES = 4_000;

/** A response in parts: bytes that other streams are sent too, and the stream's own. */
export class EncodedResponse {
  /** None is empty. */
  readonly parts: readonly Buffer[];
  /** Bytes of all of it. */
  readonly size: number;
  #frame: Buffer | undefined;

  constructor(parts: readonly Buffer[]) {
    this.parts = parts;
    let size = 0;
    for (const { length } of parts) size += length;
    this.size = size;
  }

  /** It is written in one piece, which streams that are sent the same in the same words share. */
  get isSmall(): boolean {
    return this.size <= SMALL_BYTES;
  }

  /** What gRPC puts before the message. */
  head(): Buffer {
    return buildFrameHead(this.size);
  }

  /** Head and message in one buffer, made once. */
  frame(): Buffer {
    this.#frame ??= Buffer.concat([this.head(), ...this.parts]);
    return this.#frame;
  }
}

export interface ResponseEncoder {
  encode(protocol: Protocol, response: Outgoing): EncodedResponse;
}

/** What an entry of the cache costs beside its bytes, about. */
const ENTRY_BYTES = 1_000;

type Content = Pick<Outgoing, 'resources' | 'removed'>;

/** Bodies that nobody was sent for so many milliseconds are of a way that all have gone. */
const LONGEST_UNUSED_MS = 60_000;

interface Kept {
  readonly body: Buffer;
  readonly usedAt: number;
}

/** The small responses of one type that were encoded last, by nonce: clients that came together have the same ones. */
interface Recent {
  readonly steps: readonly Step[];
  readonly revision: number;
  readonly byNonce: Map<string, EncodedResponse>;
}

/** Keeps up to `cacheBytes` of the bodies that were used last. `monotonic`: milliseconds on a clock that never goes back. */
export function createResponseEncoder(cacheBytes: number, monotonic = systemClock.monotonic): ResponseEncoder {
  /** By the step that they are of, or by what is in them; those used last come last. */
  const bodies = new Map<Step | string, Kept>();
  const recent = new Map<string, Recent>();
  const ids = new WeakMap<ServedResource, number>();
  let nextId = 0;
  let cached = 0;
  const idOf = (resource: ServedResource): number => {
    let id = ids.get(resource);
    if (id === undefined) {
      nextId += 1;
      id = nextId;
      ids.set(resource, id);
    }
    return id;
  };
  const costOf = (key: Step | string, body: Buffer) =>
    body.length + ENTRY_BYTES + (typeof key === 'string' ? key.length : 0);
  const find = (key: Step | string, protocol: Protocol, content: Content): Buffer => {
    const usedAt = monotonic();
    let body = bodies.get(key)?.body;
    if (body === undefined) {
      body = encodeBody(protocol, content);
      cached += costOf(key, body);
    } else {
      bodies.delete(key);
    }
    bodies.set(key, { body, usedAt });
    for (const [oldest, kept] of bodies) {
      if (cached <= cacheBytes && kept.usedAt > usedAt - LONGEST_UNUSED_MS) break;
      bodies.delete(oldest);
      cached -= costOf(oldest, kept.body);
    }
    return body;
  };
  const encodeSteps = (protocol: Protocol, steps: readonly Step[], response: Outgoing): EncodedResponse => {
    const { type, revision, nonce } = response;
    let last = recent.get(type.typeUrl);
    if (last?.steps !== steps || last.revision !== revision) {
      last = { steps, revision, byNonce: new Map() };
      recent.set(type.typeUrl, last);
    }
    const known = last.byNonce.get(nonce);
    if (known !== undefined) return known;
    const found = steps.map((step) => find(step, protocol, step));
    const encoded = joinParts(found, response);
    if (encoded.isSmall) last.byNonce.set(nonce, encoded);
    return encoded;
  };
  return {
    encode(protocol, response) {
      const { steps } = response;
      if (steps !== undefined) return encodeSteps(protocol, steps, response);
      const { resources, removed } = response;
      const key = `${protocol} ${resources.map(idOf).join()} ${removed.map((name) => `-${name}`).join()}`;
      return joinParts([find(key, protocol, response)], response);
    },
  };
}

function joinParts(bodies: readonly Buffer[], response: Outgoing): EncodedResponse {
  return new EncodedResponse([...bodies.filter(({ length }) => length > 0), encodeTail(response)]);
}

/** The whole message in one buffer. */
export function joinResponse({ parts, size }: EncodedResponse): Buffer {
  return Buffer.concat(parts, size);
}

function encodeTail({ type: { typeUrl }, absent = [], revision, nonce }: Outgoing): Buffer {
  const version = String(revision);
  const named = absent.reduce((size, name) => size + delimitedSize(2 * textSize(name)), 0);
  const writer = new Writer(named + textSize(typeUrl) + textSize(version) + textSize(nonce));
  for (const name of absent) {
    writer.header(RESOURCES, 2 * textSize(name));
    writer.text(RESOURCE_NAME, name);
    writer.text(RESOURCE_ALIAS, name);
  }
  writer.text(TYPE_URL, typeUrl);
  writer.text(VERSION, version);
  writer.text(NONCE, nonce);
  return writer.buffer;
}

function encodeBody(protocol: Protocol, { resources, removed }: Content): Buffer {
  const framed = resources.map((resource) => (protocol === 'delta' ? deltaSize(resource) : anySize(resource)));
  let size = 0;
  for (const inner of framed) size += delimitedSize(inner);
  for (const name of removed) size += textSize(name);
  const writer = new Writer(size);
  resources.forEach((resource, at) => {
    writer.header(RESOURCES, framed[at] ?? 0);
    if (protocol === 'delta') {
      writer.text(RESOURCE_VERSION, resource.version);
      writer.header(RESOURCE_BODY, anySize(resource));
      writer.any(resource);
      writer.text(RESOURCE_NAME, resource.name);
    } else {
      writer.any(resource);
    }
  });
  for (const name of removed) writer.text(REMOVED, name);
  return writer.buffer;
}

function deltaSize(resource: ServedResource): number {
  return textSize(resource.version) + delimitedSize(anySize(resource)) + textSize(resource.name);
}

function anySize({ typeUrl, bytes }: ServedResource): number {
  return textSize(typeUrl) + delimitedSize(bytes.length);
}

function textSize(text: string): number {
  return delimitedSize(Buffer.byteLength(text));
}

/** Size of a field with a one-byte key, a length and so many bytes. */
function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes fields into a buffer whose size was computed beforehand. */
class Writer {
  readonly buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  header(key: number, length: number): void {
    this.buffer[this.#at] = key;
    this.#at += 1;
    let rest = length;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) {
      this.buffer[this.#at] = (rest & 0x7f) | 0x80;
      this.#at += 1;
    }
    this.buffer[this.#at] = rest;
    this.#at += 1;
  }

  text(key: number, text: string): void {
    this.header(key, Buffer.byteLength(text));
    this.#at += this.buffer.write(text, this.#at);
  }

  any({ typeUrl, bytes }: ServedResource): void {
    this.text(ANY_TYPE_URL, typeUrl);
    this.header(ANY_VALUE, bytes.length);
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
