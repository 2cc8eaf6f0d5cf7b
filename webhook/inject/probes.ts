/** The application's probes and HTTP hooks go to the agent, which makes them without mTLS from inside the pod. */
import type { Container, HttpGet, Lifecycle, Probe } from './pod.ts';

export interface RewrittenProbes {
  readonly container: Container;
  /** By the agent's path, in the form that ISTIO_KUBE_APP_PROBERS holds. */
  readonly probers: Readonly<Record<string, unknown>>;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const probes = [
  ['livenessProbe', 'livez'],
  ['readinessProbe', 'readyz'],
  ['startupProbe', 'startupz'],
] as const;

const hooks = [
  ['postStart', 'poststartz'],
  ['preStop', 'prestopz'],
] as const;

export function rewriteProbes(container: Container, agentPort: number): RewrittenProbes {
  const probers: Record<string, unknown> = {};
  const rewritten: Writable<Container> = { ...container };
  for (const [field, suffix] of probes) {
    const probe = container[field];
    const target = probe && resolveTarget(probe, container);
    if (!probe || !target) continue;
    const path = `/app-health/${container.name}/${suffix}`;
    const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...rest } = probe;
    probers[path] = {
      ...target,
      ...(probe.timeoutSeconds === undefined ? {} : { timeoutSeconds: probe.timeoutSeconds }),
    };
    rewritten[field] = { ...rest, httpGet: { path, port: agentPort } };
  }
  const lifecycle: Writable<Lifecycle> = { ...container.lifecycle };
  for (const [field, suffix] of hooks) {
    const action = container.lifecycle?.[field]?.httpGet;
    if (!action) continue;
    const path = `/app-lifecycle/${container.name}/${suffix}`;
    probers[path] = { httpGet: resolveHttp(action, container) };
    lifecycle[field] = { ...container.lifecycle?.[field], httpGet: { path, port: agentPort } };
  }
  return { container: container.lifecycle ? { ...rewritten, lifecycle } : rewritten, probers };
}

/** The probe's own target with its port as a number; undefined for commands, which need no rewriting. */
function resolveTarget({ httpGet, tcpSocket, grpc }: Probe, container: Container): object | undefined {
  if (httpGet) return { httpGet: resolveHttp(httpGet, container) };
  if (tcpSocket) return { tcpSocket: { ...tcpSocket, port: resolvePort(tcpSocket.port, container) } };
  return grpc && { grpc };
}

function resolveHttp(action: HttpGet, container: Container): object {
  return { ...action, port: resolvePort(action.port, container) };
}

/** A name that no port of the container bears stays, and the agent says that it cannot be probed. */
function resolvePort(port: number | string, container: Container): number | string {
  if (typeof port === 'number') return port;
  return (
    container.ports?.find(({ name }) => name === port)?.containerPort ?? (/^\d+$/.test(port) ? Number(port) : port)
  );
}
