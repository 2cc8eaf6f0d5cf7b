/** Joins the parts of the DNS proxy. */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Component } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { DnsSettings } from '../proxy/dnssettings.ts';
import type { ProxySettings } from '../proxy/settings.ts';
import type { AgentMetrics } from '../status/metrics.ts';
import { exchangeTcp, exchangeUdp } from './exchange.ts';
import { NameTopic } from './names.ts';
import { parseResolvConf } from './resolvconf.ts';
import { Resolver } from './resolver.ts';
import { DnsServer } from './server.ts';
import { NameTable } from './table.ts';
import { Upstream } from './upstream.ts';

export interface DnsProxyOptions {
  readonly settings: Pick<ProxySettings, 'node'> & { readonly dns: DnsSettings };
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** After each change of the name table. */
  readonly onUpdate: () => void;
}

export interface DnsProxy {
  readonly server: Component;
  /** Where the table comes from. */
  readonly topic: NameTopic;
  readonly table: NameTable;
}

const dnsPort = 53;

export async function createDnsProxy(options: DnsProxyOptions): Promise<DnsProxy> {
  const { settings, metrics, clock, random, log } = options;
  const { dns, node } = settings;
  const { servers, search } = parseResolvConf(await readFile(dns.resolvConfPath, 'utf8'));
  if (servers.length === 0) log.warn('no DNS server is configured for the pod', { path: dns.resolvConfPath });
  const domain = node.dnsDomain.startsWith(`${node.namespace}.`)
    ? node.dnsDomain.slice(node.namespace.length + 1)
    : node.dnsDomain;
  const table = new NameTable({ namespace: node.namespace, domain, search });
  metrics.set('dnsNames', () => table.size);
  const upstream = new Upstream({
    servers: servers.map((address) => ({ address, port: dnsPort })),
    exchange: { udp: exchangeUdp, tcp: exchangeTcp },
    clock,
    randomId: () => randomInt(0x10000),
    onAnswered: (seconds) => metrics.observe('dnsUpstreamDuration', seconds),
    onFailure: (server, error) => {
      metrics.add('dnsUpstreamFailures');
      log.debug('DNS server gave no answer', { server, error: error.message });
    },
  });
  const resolver = new Resolver({
    table,
    upstream,
    random,
    onRequest: () => metrics.add('dnsRequests'),
    onForwarded: () => metrics.add('dnsUpstreamRequests'),
  });
  return {
    table,
    server: new DnsServer({ port: dns.port, addresses: dns.addresses, resolver, log }),
    topic: new NameTopic({ table, log, onUpdate: options.onUpdate }),
  };
}
