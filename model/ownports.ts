/** Ports at which a proxy, and the agent beside it, listen for themselves. */
import { proxyPorts } from '#api/constants.ts';
import type { MeshSettings } from './types/settings.ts';

type Settings = Pick<MeshSettings, 'proxyListenPort' | 'proxyInboundListenPort'>;

/** Where a proxy answers probes of its readiness and scrapes of its statistics, if not where all do. */
export interface OwnPorts {
  readonly readiness?: number;
  readonly prometheus?: number;
}

const usualPorts: readonly number[] = [proxyPorts.health, proxyPorts.prometheus];

/** As a field of keys: empty for the usual ones. */
export function renderOwnPorts({ readiness, prometheus }: OwnPorts = {}): string {
  const own = `${readiness ?? proxyPorts.health},${prometheus ?? proxyPorts.prometheus}`;
  return own === usualPorts.join(',') ? '' : own;
}

const parseOwnPorts = (own: string): readonly number[] => (own === '' ? usualPorts : own.split(',').map(Number));

/**
 * Whether the proxy has a listener of its own on any address at this port. Envoy then refuses every other listener on any
 * address there, even one that doesn't listen by itself, and of two that it is told of together it takes the first: a port
 * that somebody names would stop all of a new proxy's traffic.
 * @param own the proxy's `renderOwnPorts`
 */
export function isOwnPort(port: number, { proxyListenPort, proxyInboundListenPort }: Settings, own = ''): boolean {
  return port === proxyListenPort || port === proxyInboundListenPort || parseOwnPorts(own).includes(port);
}

/** Whether a listener of a sidecar that listens by itself would stand in the way of the proxy's own, or of the agent's. */
export function isReserved(port: number, settings: Settings, own = ''): boolean {
  const { admin, status, dns } = proxyPorts;
  return port === admin || port === status || port === dns || isOwnPort(port, settings, own);
}

/** The same of a router, to which nothing is redirected and whose agent answers no names. */
export function isReservedAtRouter(port: number, own = ''): boolean {
  const { admin, status } = proxyPorts;
  return port === admin || port === status || parseOwnPorts(own).includes(port);
}

/** Whether a listener there listens on any address, however it is written. */
export const isAnyAddress = (bind: string): boolean => /^[0:.]*$/.test(bind);
