import { proxyPorts } from '#api/constants.ts';
import type { MeshSettings } from '../types/settings.ts';

/** Whether a listener of a Sidecar on this port would stand in the way of the proxy's own, or of the agent's. */
export function isReserved(port: number, settings: MeshSettings): boolean {
  const { admin, status, health, dns, prometheus } = proxyPorts;
  const { proxyListenPort, proxyInboundListenPort } = settings;
  return [admin, status, health, dns, prometheus, proxyListenPort, proxyInboundListenPort].includes(port);
}
