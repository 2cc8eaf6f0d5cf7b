/** What the agent asks of Envoy's admin interface, which listens on loopback only. */
import type { IncomingMessage } from 'node:http';
import { LateenError } from '#runtime/core/index.ts';
import { callHttp, type HttpReply, openHttp } from '../status/http.ts';

export class EnvoyAdmin {
  readonly #host: string;
  readonly #port: number;
  readonly #ownPorts: readonly number[];
  readonly #deadline: number;

  constructor(options: {
    readonly host: string;
    readonly port: number;
    /** Ports of listeners that serve the platform: readiness and metrics. */
    readonly ownPorts: readonly number[];
    readonly deadline: number;
  }) {
    this.#ownPorts = options.ownPorts;
    this.#host = options.host;
    this.#port = options.port;
    this.#deadline = options.deadline;
  }

  call(method: string, path: string): Promise<HttpReply> {
    return callHttp({ host: this.#host, port: this.#port, method, path, deadline: this.#deadline });
  }

  /** Statistics whose names match, by name. */
  async stats(filter: string): Promise<ReadonlyMap<string, number>> {
    const reply = await this.call('GET', `/stats?filter=${encodeURIComponent(filter)}`);
    if (reply.status !== 200) throw new LateenError('unavailable', `Envoy answered ${reply.status} to /stats`);
    return parseStats(reply.body);
  }

  /** Every statistic in Prometheus' text form, as it comes. */
  async prometheus(deadline: number): Promise<IncomingMessage> {
    const path = '/stats/prometheus';
    const response = await openHttp({ host: this.#host, port: this.#port, path, deadline });
    if (response.statusCode === 200) return response;
    response.destroy();
    throw new LateenError('unavailable', `Envoy answered ${response.statusCode} to ${path}`);
  }

  /** Tells listeners to take no new connections and to close the ones they have politely. */
  async drain(listeners: 'inbound' | 'all'): Promise<void> {
    const reply = await this.call('POST', renderDrainPath(listeners));
    if (reply.status !== 200)
      throw new LateenError('unavailable', `Envoy answered ${reply.status} to /drain_listeners`);
  }

  /** Connections that clients hold open to listeners of the mesh; probes and scrapes do not count. */
  async activeConnections(): Promise<number> {
    return sumConnections(await this.stats('^listener\\..*downstream_cx_active$'), this.#ownPorts);
  }
}

/** To be posted to. */
export function renderDrainPath(listeners: 'inbound' | 'all'): string {
  const scope = listeners === 'inbound' ? 'inboundonly&' : '';
  return `/drain_listeners?${scope}graceful&skip_exit`;
}

/** Listeners are named by their address in statistics, each once for all of its workers and once per worker. */
export function sumConnections(stats: ReadonlyMap<string, number>, ownPorts: readonly number[]): number {
  let sum = 0;
  for (const [name, value] of stats) {
    const port = Number(/^listener\..*_(\d+)\.downstream_cx_active$/.exec(name)?.[1]);
    if (port > 0 && !ownPorts.includes(port)) sum += value;
  }
  return sum;
}

export function parseStats(text: string): ReadonlyMap<string, number> {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const separator = line.lastIndexOf(': ');
    if (separator < 0) continue;
    const value = Number(line.slice(separator + 2));
    if (Number.isFinite(value)) stats.set(line.slice(0, separator), value);
  }
  return stats;
}
