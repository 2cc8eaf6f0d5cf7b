/** One scrape for the whole pod: the agent's metrics, Envoy's and the application's, streamed one behind the other. */
import { LateenError } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { EnvoyAdmin } from '../proxy/admin.ts';
import { openHttp } from './http.ts';
import type { AgentMetrics } from './metrics.ts';

/** Where the application serves metrics, from its prometheus.io annotations. */
export interface ApplicationScrape {
  readonly port: number;
  readonly path: string;
}

export interface ScrapeOptions {
  readonly admin: EnvoyAdmin;
  readonly application: ApplicationScrape | undefined;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Everything, for port 15020. A source that fails is counted and left out: the others must not go dark with it. */
export async function* scrapeAll(options: ScrapeOptions, deadline: number): AsyncGenerator<string> {
  const { metrics, application } = options;
  metrics.add('scrapes');
  yield* guard(options, 'envoy', () => scrapeEnvoy(options.admin, deadline));
  if (application) yield* guard(options, 'application', () => scrapeApplication(application, deadline));
  yield metrics.render();
}

/** Envoy's statistics with Istio's metrics under Istio's names. */
export async function* scrapeEnvoy(admin: EnvoyAdmin, deadline: number): AsyncGenerator<string> {
  yield* mapLines(await admin.prometheus(deadline), renameIstioMetrics);
}

/** Envoy puts its own name before every statistic, also before those named by our access loggers. */
export function renameIstioMetrics(lines: string): string {
  return lines.replace(/^(# (?:TYPE|HELP) )?envoy_istio_/gm, '$1istio_');
}

async function* scrapeApplication(application: ApplicationScrape, deadline: number): AsyncGenerator<string> {
  const response = await openHttp({
    host: '127.0.0.1',
    port: application.port,
    path: application.path,
    headers: { accept: 'text/plain;version=0.0.4;q=0.9,*/*;q=0.1' },
    deadline,
  });
  if (response.statusCode !== 200) {
    response.destroy();
    throw new LateenError('unavailable', `the application answered ${response.statusCode} to ${application.path}`);
  }
  // An OpenMetrics body ends in a mark that may not stand in the middle of ours.
  yield* mapLines(response, (text) => text.replace(/^# EOF\n?/gm, ''));
}

async function* guard(
  options: ScrapeOptions,
  type: 'envoy' | 'application',
  source: () => AsyncGenerator<string>,
): AsyncGenerator<string> {
  try {
    yield* source();
  } catch (error) {
    options.metrics.add('scrapeFailures', { type });
    options.log.warn('scrape failed', { source: type, error: LateenError.from(error).message });
  }
}

/** Applies `change` to whole lines, a chunk at a time; the result ends with a line break. */
export async function* mapLines(
  source: AsyncIterable<Buffer | string>,
  change: (text: string) => string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    const text = rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) yield change(text.slice(0, end));
  }
  if (rest !== '') yield change(`${rest}\n`);
}
