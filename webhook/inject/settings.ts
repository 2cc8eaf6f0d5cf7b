/** How to inject: ConfigMap `istio-sidecar-injector` (documents `config` and `values`) with defaults filled in. */

import type { Diagnostic, LabelSelector } from '#api/index.ts';
import type { ResourceRequirements } from './pod.ts';

export interface InjectionSettings {
  readonly policy: 'enabled' | 'disabled' | 'off';
  readonly defaultTemplates: readonly string[];
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  readonly revision: string;
  /** Builds the image of a name and, where it has one, a variant such as `distroless`. */
  readonly image: (name: string, variant?: string) => string;
  readonly proxyImage: string;
  readonly initImage: string;
  readonly imagePullPolicy: string | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly clusterName: string;
  readonly network: string;
  readonly meshId: string;
  readonly clusterDomain: string;
  /** `host:port` of the certificate service; empty for istiod. */
  readonly caAddress: string;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly agentLogLevel: string;
  readonly logAsJson: boolean;
  readonly statusPort: number;
  readonly includeIpRanges: string;
  readonly excludeIpRanges: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly readiness: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  };
  readonly startup: { readonly enabled: boolean; readonly failureThreshold: number };
  readonly holdApplication: boolean;
  readonly resources: ResourceRequirements | undefined;
  readonly initResources: ResourceRequirements | undefined;
  readonly rewriteProbes: boolean;
  readonly nativeSidecars: boolean;
  readonly cni: boolean;
}

export interface ResolvedSettings {
  readonly settings: InjectionSettings;
  /** Values of the wrong type, each read as absent, and values that have no effect. */
  readonly diagnostics: readonly Diagnostic[];
}

/** `config` and `values` as their YAML and JSON were read; whatever is absent gets Istio's default. */
export function resolveInjectionSettings(config: unknown, values: unknown): ResolvedSettings {
  const diagnostics: Diagnostic[] = [];
  const how = new Reader(config, 'config', diagnostics);
  const what = new Reader(values, 'values', diagnostics);
  const policy = how.text('policy', 'enabled');
  if (!isPolicy(policy))
    diagnostics.push({ path: 'config.policy', message: 'must be enabled, disabled or off', severity: 'error' });
  for (const name of Object.keys(how.object('templates') ?? {})) {
    const message = 'templates in Go’s template language have no effect: the built-in ones are sidecar and gateway';
    diagnostics.push({ path: `config.templates.${name}`, message, severity: 'warning' });
  }
  const hub = what.text('global.hub', 'docker.io/istio');
  const tag = what.text('global.tag', 'latest');
  const defaultVariant = what.text('global.variant', '');
  const image = (name: string, variant = defaultVariant): string =>
    name.includes('/') ? name : `${hub}/${name}:${tag}${variant === '' ? '' : `-${variant}`}`;
  const proxyImage = what.text('global.proxy.image', 'proxyv2');
  const settings: InjectionSettings = {
    policy: isPolicy(policy) ? policy : 'enabled',
    defaultTemplates: how.list<string>('defaultTemplates', ['sidecar']),
    neverInject: how.list<LabelSelector>('neverInjectSelector', []),
    alwaysInject: how.list<LabelSelector>('alwaysInjectSelector', []),
    injectedAnnotations: how.object<string>('injectedAnnotations') ?? {},
    revision: what.text('revision', '') || 'default',
    image,
    proxyImage,
    initImage: what.text('global.proxy_init.image', proxyImage),
    imagePullPolicy: what.text('global.imagePullPolicy', '') || undefined,
    imagePullSecrets: what.list<string>('global.imagePullSecrets', []),
    clusterName: what.text('global.multiCluster.clusterName', '') || 'Kubernetes',
    network: what.text('global.network', ''),
    meshId: what.text('global.meshID', ''),
    clusterDomain: what.text('global.proxy.clusterDomain', 'cluster.local'),
    caAddress: what.text('global.caAddress', ''),
    logLevel: what.text('global.proxy.logLevel', 'warning'),
    componentLogLevel: what.text('global.proxy.componentLogLevel', 'misc:error'),
    agentLogLevel: what.text('global.logging.level', 'default:info'),
    logAsJson: what.flag('global.logAsJson', false),
    statusPort: what.number('global.proxy.statusPort', 15020),
    includeIpRanges: what.text('global.proxy.includeIPRanges', '*'),
    excludeIpRanges: what.text('global.proxy.excludeIPRanges', ''),
    includeInboundPorts: what.text('global.proxy.includeInboundPorts', '*'),
    excludeInboundPorts: what.text('global.proxy.excludeInboundPorts', ''),
    includeOutboundPorts: what.text('global.proxy.includeOutboundPorts', ''),
    excludeOutboundPorts: what.text('global.proxy.excludeOutboundPorts', ''),
    readiness: {
      initialDelaySeconds: what.number('global.proxy.readinessInitialDelaySeconds', 0),
      periodSeconds: what.number('global.proxy.readinessPeriodSeconds', 15),
      failureThreshold: what.number('global.proxy.readinessFailureThreshold', 4),
    },
    startup: {
      enabled: what.flag('global.proxy.startupProbe.enabled', true),
      failureThreshold: what.number('global.proxy.startupProbe.failureThreshold', 600),
    },
    holdApplication: what.flag('global.proxy.holdApplicationUntilProxyStarts', false),
    resources: what.object('global.proxy.resources'),
    initResources: what.object('global.proxy_init.resources'),
    rewriteProbes: what.flag('sidecarInjectorWebhook.rewriteAppHTTPProbe', true),
    nativeSidecars: what.text('pilot.env.ENABLE_NATIVE_SIDECARS', 'true') !== 'false',
    cni: what.flag('pilot.cni.enabled', false),
  };
  return { settings, diagnostics };
}

function isPolicy(text: string): text is InjectionSettings['policy'] {
  return text === 'enabled' || text === 'disabled' || text === 'off';
}

/** Typed look-ups by dotted path; YAML's looseness (`"true"`, ports as text) is accepted. */
class Reader {
  readonly #root: unknown;
  readonly #name: string;
  readonly #diagnostics: Diagnostic[];

  constructor(root: unknown, name: string, diagnostics: Diagnostic[]) {
    this.#root = root;
    this.#name = name;
    this.#diagnostics = diagnostics;
  }

  text(path: string, fallback: string): string {
    return this.#read(path, fallback, 'a text', (value) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined,
    );
  }

  number(path: string, fallback: number): number {
    return this.#read(path, fallback, 'a whole number', (value) => {
      const number = typeof value === 'string' && value !== '' ? Number(value) : value;
      return typeof number === 'number' && Number.isInteger(number) && number >= 0 ? number : undefined;
    });
  }

  flag(path: string, fallback: boolean): boolean {
    return this.#read(path, fallback, 'true or false', (value) => {
      if (typeof value === 'boolean') return value;
      return value === 'true' || value === 'false' ? value === 'true' : undefined;
    });
  }

  list<T>(path: string, fallback: readonly T[]): readonly T[] {
    return this.#read(path, fallback, 'a list', (value) =>
      Array.isArray(value) ? (value as readonly T[]) : undefined,
    );
  }

  object<T>(path: string): Record<string, T> | undefined {
    const none: Record<string, T> | undefined = undefined;
    return this.#read(path, none, 'an object', (value) => (isObject(value) ? (value as Record<string, T>) : undefined));
  }

  #read<T>(path: string, fallback: T, what: string, accept: (value: unknown) => T | undefined): T {
    let value = this.#root;
    for (const key of path.split('.')) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    if (value === undefined || value === null) return fallback;
    const accepted = accept(value);
    if (accepted === undefined) {
      this.#diagnostics.push({ path: `${this.#name}.${path}`, message: `must be ${what}`, severity: 'error' });
    }
    return accepted ?? fallback;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
