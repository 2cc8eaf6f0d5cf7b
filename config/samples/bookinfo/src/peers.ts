import type { IncomingHttpHeaders } from 'node:http';

/**
 * Headers that a service hands on to those it calls: only so can a proxy see that two requests belong to one trace, and
 * routes match the user at every hop.
 */
const propagated = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-ot-span-context',
  'x-cloud-trace-context',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'grpc-trace-bin',
  'sw8',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
];

export function propagatedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name of propagated) {
    const value = headers[name];
    if (typeof value === 'string') result[name] = value;
  }
  return result;
}

/** What a peer answered, or why it did not. */
export type PeerAnswer<T> =
  | { readonly status: 200; readonly value: T }
  | { readonly status: number; readonly error: string };

const patienceMilliseconds = 10_000;

export async function askPeer<T>(url: string, headers: Record<string, string>): Promise<PeerAnswer<T>> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(patienceMilliseconds) });
    const text = await response.text();
    if (!response.ok) return { status: response.status, error: text.slice(0, 200) };
    return { status: 200, value: JSON.parse(text) as T };
  } catch (error) {
    return { status: 503, error: error instanceof Error ? error.message : String(error) };
  }
}

export function hasValue<T>(answer: PeerAnswer<T>): answer is { readonly status: 200; readonly value: T } {
  return 'value' in answer;
}
