import { type Component, createLogger, createMetrics, LateenError, runComponents } from '#runtime/index.ts';
import { connect } from '../connection.ts';
import { createHttpServer } from '../http-server.ts';
import { version } from '../version.ts';
import { createControlPlane } from './control-plane.ts';
import { createFilePlane } from './file-plane.ts';
import type { DiscoverySettings } from './settings.ts';

/**
 * Runs istiod until the signal aborts. The probe and the metrics answer from the first moment on; everything else waits
 * until the API server, or the folder of files, has told the mesh configuration, however long that takes.
 */
export async function runDiscovery(settings: DiscoverySettings, signal: AbortSignal): Promise<void> {
  const logger = createLogger({ level: settings.log.level });
  const metrics = createMetrics({ process: true });
  if (settings.configDir !== '' && settings.kubeconfig !== '')
    throw new LateenError(
      'invalid',
      'objects come from files (--config-dir) or from a cluster (--kubeconfig), not both',
    );
  const client =
    settings.configDir === '' ? connect(settings.kubeconfig, process.env, `lateen-discovery/${version}`) : undefined;
  const ready = () => {
    const missing = plane.missing();
    return missing.length === 0
      ? { status: 200, body: 'ready\n' }
      : { status: 503, body: `waiting for: ${missing.join(', ')}\n` };
  };
  const renderMetrics = async () => {
    const { contentType, text } = await metrics.render();
    return { status: 200, contentType, body: text };
  };
  const monitoring = createHttpServer(
    'monitoring',
    settings.monitoringAddr,
    { '/metrics': renderMetrics, '/ready': ready, '/version': () => ({ status: 200, body: version }) },
    logger,
  );
  const plane =
    client === undefined
      ? createFilePlane({ settings, logger, metrics, monitoring })
      : createControlPlane({ settings, client, logger, metrics, monitoring });
  const components: Component[] = [
    createHttpServer('http', settings.httpAddr, { '/ready': ready }, logger),
    monitoring,
    plane,
  ];
  logger.info('istiod starts', { version, revision: settings.revision, cluster: settings.clusterId, pid: process.pid });
  try {
    await runComponents(components, signal, { logger, shutdownMs: settings.shutdownTimeout });
  } finally {
    await client?.transport.close();
  }
}
