import { LateenError, type Logger, type Metrics } from '#runtime/index.ts';
import type { AdmissionRequest, AdmissionVerdict } from './admission.ts';
import { buildInjectedPod, type InjectionContext } from './inject/build.ts';
import type { Pod } from './inject/pod.ts';
import { renderDiagnostic, renderDiagnostics } from './validate.ts';

/** The mesh configuration in force; cmd/ joins it to what the registry reads. */
export interface InjectionSource {
  /** Undefined until it has been read: then pods are refused rather than let in without a sidecar. */
  current(namespace: string, pod: Pod): Omit<InjectionContext, 'namespace' | 'place'> | undefined;
}

/** Istio's names. */
export function declareInjectionMetrics(metrics: Metrics) {
  const counter = (what: string, help: string) => metrics.counter({ name: `sidecar_injection_${what}_total`, help });
  return {
    requests: counter('requests', 'Pods that injection was asked about.'),
    success: counter('success', 'Pods that got a sidecar.'),
    failure: counter('failure', 'Pods that were refused.'),
    skip: counter('skip', 'Pods that need no sidecar.'),
    duration: metrics.histogram({
      name: 'sidecar_injection_time_seconds',
      help: 'Time for one pod.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
    }),
  };
}

export type InjectionMetrics = ReturnType<typeof declareInjectionMetrics>;

export interface InjectorOptions {
  readonly source: InjectionSource;
  readonly metrics: InjectionMetrics;
  readonly logger: Logger;
}

/** Answers one admission request for a pod; `path` is the URL's, which may say where the API server is. */
export function injectPod(
  request: AdmissionRequest,
  path: string,
  { source, metrics, logger }: InjectorOptions,
): AdmissionVerdict {
  metrics.requests.increment({});
  const start = performance.now();
  const { namespace } = request;
  const pod = readPod(request);
  const context = source.current(namespace, pod);
  if (!context) {
    metrics.failure.increment({});
    return { allowed: false, message: 'the mesh configuration has not been read yet; try again' };
  }
  const result = buildInjectedPod(pod, { ...context, namespace, place: parseInjectPath(path) });
  metrics.duration.observe({}, (performance.now() - start) / 1000);
  const name = pod.metadata?.name ?? pod.metadata?.generateName ?? '';
  switch (result.kind) {
    case 'injected':
      metrics.success.increment({});
      logger.debug('sidecar injected', { namespace, pod: name });
      return { allowed: true, patch: result.patch, warnings: result.warnings.map(renderDiagnostic) };
    case 'skipped':
      metrics.skip.increment({});
      logger.debug('injection skipped', { namespace, pod: name, reason: result.reason });
      return { allowed: true };
    case 'refused': {
      metrics.failure.increment({});
      const message = `sidecar not injected: ${renderDiagnostics(result.errors)}`;
      logger.warn('pod refused', { namespace, pod: name, reason: message });
      return { allowed: false, message };
    }
  }
}

function readPod({ kind, object }: AdmissionRequest): Pod {
  if (kind !== 'Pod' || typeof object !== 'object' || object === null)
    throw new LateenError('invalid', 'request.object is not a Pod');
  return object as Pod;
}

/** `/inject/cluster/NAME/net/NAME`; a slash within a name is written `--slash--`. Other pairs have no meaning. */
export function parseInjectPath(path: string): { readonly cluster?: string; readonly network?: string } {
  const parts = path.replace(/^\/inject\/?/, '').split('/');
  const place: Record<string, string> = {};
  for (let i = 0; i + 1 < parts.length; i += 2) place[parts[i] ?? ''] = decodeName(parts[i + 1] ?? '');
  return { ...(place.cluster ? { cluster: place.cluster } : {}), ...(place.net ? { network: place.net } : {}) };
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text).replaceAll('--slash--', '/');
  } catch (error) {
    throw new LateenError('invalid', 'the URL is not encoded properly', { cause: error });
  }
}
