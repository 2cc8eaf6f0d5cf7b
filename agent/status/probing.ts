/** Runs one probe against the application and says which HTTP status the kubelet should see. */
import { connect as connectTcp, isIPv6 } from 'node:net';
import { LateenError } from '#runtime/core/index.ts';
import { codec } from '#wire/agent.ts';
import { callUnary } from '../grpc/unary.ts';
import { probeHttp } from './http.ts';
import type { Probe, ProbeTarget } from './probes.ts';

export interface ProbeResult {
  /** 200 to 399 passes, as for the kubelet. */
  readonly status: number;
  /** Why it failed; empty when it passed. */
  readonly reason: string;
}

/**
 * The kubelet would reach the application through the pod's address, so the agent does too. It binds the address that
 * the redirection leaves alone, or Envoy would take the connection for one from outside. A host that the probe names is
 * connected to as it is.
 */
export async function runProbe(
  probe: Probe,
  address: string,
  requestHeaders: Readonly<Record<string, string>>,
): Promise<ProbeResult> {
  try {
    switch (probe.target.kind) {
      case 'http':
        return await probeByHttp(probe.target, probe.timeout, address, requestHeaders);
      case 'tcp':
        return await probeTcp(probe.target, probe.timeout, address);
      case 'grpc':
        return await probeGrpc(probe.target, probe.timeout, address);
      case 'none':
        return { status: 503, reason: `the probe cannot be made: ${probe.target.reason}` };
    }
  } catch (error) {
    return { status: 503, reason: LateenError.from(error).message };
  }
}

/** Source address of probes: leaves the pod's rules untouched (see the rules of ISTIO_OUTPUT). */
function resolveSource(address: string): { readonly localAddress?: string } {
  if (address.startsWith('127.') || address === '::1') return {};
  return { localAddress: isIPv6(address) ? '::6' : '127.0.0.6' };
}

const maximumRedirects = 10;

async function probeByHttp(
  target: Extract<ProbeTarget, { kind: 'http' }>,
  timeout: number,
  address: string,
  requestHeaders: Readonly<Record<string, string>>,
): Promise<ProbeResult> {
  let path = target.path;
  const host = target.host ?? address;
  const source = target.host === undefined ? resolveSource(address) : {};
  for (let hop = 0; hop <= maximumRedirects; hop++) {
    const reply = await probeHttp({
      scheme: target.scheme,
      host,
      port: target.port,
      path,
      headers: { ...requestHeaders, ...target.headers },
      ...source,
      deadline: timeout,
    });
    const location = reply.headers.location;
    if (reply.status < 300 || reply.status >= 400 || location === undefined) {
      return { status: reply.status, reason: reply.status < 400 ? '' : `the application answered ${reply.status}` };
    }
    const here = new URL(`${target.scheme}://${isIPv6(host) ? `[${host}]` : host}:${target.port}${path}`);
    const there = new URL(location, here);
    // Like the kubelet: a redirect to elsewhere is an answer, so the application lives.
    if (there.host !== here.host) return { status: 200, reason: '' };
    path = there.pathname + there.search;
  }
  return { status: 503, reason: `more than ${maximumRedirects} redirects` };
}

function probeTcp(
  { host, port }: Extract<ProbeTarget, { kind: 'tcp' }>,
  timeout: number,
  address: string,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const to = host === undefined ? { host: address, ...resolveSource(address) } : { host };
    const socket = connectTcp({ ...to, port, timeout });
    const finish = (result: ProbeResult) => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => finish({ status: 200, reason: '' }));
    socket.on('timeout', () => finish({ status: 503, reason: `no connection within ${timeout} ms` }));
    socket.on('error', (error) => finish({ status: 503, reason: error.message }));
  });
}

async function probeGrpc(
  target: Extract<ProbeTarget, { kind: 'grpc' }>,
  timeout: number,
  address: string,
): Promise<ProbeResult> {
  const reply = await callUnary({
    authority: `http://${isIPv6(address) ? `[${address}]` : address}:${target.port}`,
    path: '/grpc.health.v1.Health/Check',
    message: codec.encode('grpc.health.v1.HealthCheckRequest', { service: target.service }),
    connection: { createConnection: () => connectTcp({ host: address, port: target.port, ...resolveSource(address) }) },
    deadline: timeout,
  });
  const { status = 'UNKNOWN' } = codec.decode('grpc.health.v1.HealthCheckResponse', reply);
  return status === 'SERVING'
    ? { status: 200, reason: '' }
    : { status: 503, reason: `the application reports ${status}` };
}
