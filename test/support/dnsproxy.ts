/**
 * The agent's DNS proxy without the rest of the agent, as a program: for network namespaces, where no control plane is.
 * Usage: node test/support/dnsproxy.ts RESOLV_CONF NAMES; NAMES is a name table as JSON. Prints a line once it serves.
 */
import { createDnsProxy } from '#agent/dns/index.ts';
import { parseNames } from '#agent/dns/table.ts';
import { AgentMetrics } from '#agent/status/metrics.ts';
import { proxyPorts } from '#api/constants.ts';
import { systemClock } from '#runtime/core/index.ts';

const [resolvConfPath = '', names = '{}'] = process.argv.slice(2);
const ignore = () => undefined;
const proxy = await createDnsProxy({
  settings: {
    node: {
      role: 'sidecar',
      podName: 'web',
      namespace: 'shop',
      addresses: [],
      serviceAccount: 'web',
      dnsDomain: 'shop.svc.cluster.local',
    },
    dns: { addresses: ['127.0.0.1', '::1'], port: proxyPorts.dns, resolvConfPath },
  },
  metrics: new AgentMetrics(),
  clock: systemClock,
  random: Math.random,
  log: { debug: ignore, info: (message) => process.stdout.write(`${message}\n`), warn: ignore, error: ignore },
  onUpdate: ignore,
});
proxy.table.update([['names', parseNames(JSON.parse(names))]], []);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await proxy.server.run(stop.signal);
