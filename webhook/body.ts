import type { IncomingMessage } from 'node:http';
import { LateenError } from '#runtime/core/index.ts';

/** The API server's own bound on objects. */
const maxBytes = 3 * 1024 * 1024;
/** A pod is about 12 levels deep within its review. */
const maxDepth = 64;

export type Body =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly status: 400 | 413; readonly message: string };

/** Reads a JSON body of bounded size and depth. */
export async function readJsonBody(request: IncomingMessage): Promise<Body> {
  const tooLarge = { ok: false, status: 413, message: `the body is larger than ${maxBytes} bytes` } as const;
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBytes) return tooLarge;
    chunks.push(chunk);
  }
  if (size === 0) return { ok: false, status: 400, message: 'the body is empty' };
  const text = Buffer.concat(chunks).toString('utf8');
  if (isDeeperThan(text, maxDepth))
    return { ok: false, status: 400, message: `the body is nested deeper than ${maxDepth} levels` };
  try {
    return { ok: true, json: JSON.parse(text) };
  } catch (error) {
    return { ok: false, status: 400, message: `the body is not JSON: ${LateenError.from(error).message}` };
  }
}

/** Counts brackets outside strings, before anything recursive sees the text. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (quoted) {
      if (c === 0x5c) i++;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) quoted = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > limit) return true;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return false;
}
