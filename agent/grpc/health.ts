/** The two messages of grpc.health.v1.Health/Check, spelled by hand: one text there, one number back. */

/** `HealthCheckRequest { service }`; at most 16,383 bytes of name. */
export function encodeHealthRequest(service: string): Uint8Array {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

const states = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** `HealthCheckResponse { status }`; anything else reads as UNKNOWN. */
export function decodeHealthResponse(bytes: Uint8Array): (typeof states)[number] {
  const [tag, value = 0] = bytes;
  return (tag === 0x08 && states[value]) || 'UNKNOWN';
}
