/** Queries as a client would send them. */
import { buildName } from '../name.ts';

export interface TestQuery {
  readonly id?: number;
  /** Encoded records. */
  readonly additional?: readonly Buffer[];
}

export function buildQuery(name: string, type: number, { id = 1, additional = [] }: TestQuery = {}): Buffer {
  const wire = buildName(name);
  if (wire === undefined) throw new RangeError(`"${name}" is no name`);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(additional.length, 10);
  const question = Buffer.alloc(4);
  question.writeUInt16BE(type, 0);
  question.writeUInt16BE(1, 2);
  return Buffer.concat([head, wire, question, ...additional]);
}

/** An EDNS record that offers to take so many bytes over UDP. */
export function optRecord(udpLength: number): Buffer {
  const option = Buffer.alloc(11);
  option.writeUInt16BE(41, 1);
  option.writeUInt16BE(udpLength, 3);
  return option;
}
