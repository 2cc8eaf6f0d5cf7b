import { createOperator } from '#controllers/operator/index.ts';
import { createLogger, createMetrics, runComponents } from '#runtime/index.ts';
import { connect } from '../connection.ts';
import { createHttpServer } from '../http-server.ts';
import { version } from '../version.ts';
import type { OperatorSettings } from './settings.ts';

/** Runs the operator until the signal aborts. */
export async function runOperator(settings: OperatorSettings, signal: AbortSignal): Promise<void> {
  const logger = createLogger({ level: settings.log.level });
  const metrics = createMetrics({ process: true });
  const client = connect(settings.kubeconfig, process.env, `lateen-operator/${version}`);
  const ok = () => ({ status: 200, body: 'ok\n' });
  const pages = {
    '/ready': ok,
    '/healthz': ok,
    '/metrics': async () => {
      const { contentType, text } = await metrics.render();
      return { status: 200, contentType, body: text };
    },
  };
  const operator = createOperator({
    client,
    profilesDirectory: settings.profiles,
    namespace: settings.namespace,
    identity: settings.podName,
    watchNamespace: settings.watchNamespace === '' ? undefined : settings.watchNamespace,
    ...(settings.probeWebhook ? {} : { probeWebhook: false as const }),
    logger: logger.child({ scope: 'operator' }),
  });
  logger.info('operator starts', { version, namespace: settings.namespace });
  try {
    await runComponents([createHttpServer('http', settings.httpAddr, pages, logger), operator], signal, {
      logger,
      shutdownMs: settings.shutdownTimeout,
    });
  } finally {
    await client.transport.close();
  }
}
