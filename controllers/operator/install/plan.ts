import { unhonouredMeshFields } from '#api/index.ts';
import { resolveGateways } from './gateways.ts';
import { resolveImage } from './image.ts';
import { injectorValues, resolveInjector } from './injector.ts';
import type { Installation, Owner, PilotPlan, SharedSettings, WebhookPlan } from './installation.ts';
import { isObject, type JsonObject, leafPaths, overlayObject, withPath } from './json.ts';
import { resolveMesh, resolveNetworks } from './mesh.ts';
import { listUnknownVariables, readVariableNames } from './pilot-env.ts';
import type { Problem } from './problem.ts';
import type { Profiles } from './profiles.ts';
import { unreadPaths, ValuesReader } from './values.ts';
import { resolveWorkload } from './workload.ts';

export type PlanResult =
  | {
      readonly ok: true;
      readonly installation: Installation;
      /** Paths that the user set and that change nothing, sorted. */
      readonly notHonoured: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Resolves an IstioOperator's spec over its profile. Pure: the same spec and profiles give the same installation. */
export function planInstallation(owner: Owner, spec: JsonObject, profiles: Profiles): PlanResult {
  const profileName = typeof spec.profile === 'string' && spec.profile !== '' ? spec.profile : 'default';
  const profile = profiles.get(profileName);
  if (profile === undefined) {
    const known = [...profiles.keys()].sort().join(', ');
    return {
      ok: false,
      problems: [{ path: 'spec.profile', message: `there is no profile "${profileName}"; known are ${known}` }],
    };
  }
  return resolve(owner, spec, overlayObject(profile, spec));
}

function resolve(owner: Owner, given: JsonObject, merged: JsonObject): PlanResult {
  const spec = new ValuesReader(merged, 'spec');
  spec.handOn(
    'profile',
    'meshConfig',
    'values',
    'unvalidatedValues',
    'components.ingressGateways',
    'components.egressGateways',
  );
  const allValues = overlayObject(
    overlayObject(readMap(merged, 'values'), readMap(merged, 'unvalidatedValues')),
    readGlobals(spec),
  );
  const values = new ValuesReader(allValues, 'spec.values');
  const revision = spec.text('revision') ?? values.text('revision') ?? 'default';
  const suffix = revision === 'default' ? '' : `-${revision}`;
  const components = readMap(merged, 'components');
  const pilotComponent = new ValuesReader(readMap(components, 'pilot'), 'spec.components.pilot');
  const namespace =
    pilotComponent.text('namespace') ??
    spec.text('namespace') ??
    values.text('global.istioNamespace') ??
    owner.namespace;
  values.handOn('revision', 'global.istioNamespace');
  const discoveryAddress = resolveDiscoveryAddress(values, namespace, suffix);
  const mesh = resolveMesh(merged, values, {
    rootNamespace: namespace,
    discoveryAddress,
    meshId: values.text('global.meshID'),
    trustDomain: values.text('global.trustDomain') ?? 'cluster.local',
  });
  const shared = resolveShared(values, mesh, discoveryAddress);
  const version = String(spec.scalar('tag') ?? values.scalar('global.tag') ?? '');
  const baseComponent = new ValuesReader(readMap(components, 'base'), 'spec.components.base');
  baseComponent.boolean('enabled');
  const pilot = pilotComponent.boolean('enabled') === true ? resolvePilot(values, pilotComponent) : undefined;
  const { gateways, readers } = resolveGateways(components, values, namespace);
  const wantsInjector = values.boolean('global.omitSidecarInjectorConfigMap') !== true;
  const webhooks = resolveWebhooks(values, pilot !== undefined, wantsInjector);
  const injects = wantsInjector && (pilot !== undefined || webhooks?.injectionUrl !== undefined);
  if (injects) values.handOn(...injectorValues);
  const installation: Installation = {
    owner,
    revision,
    suffix,
    namespace,
    version,
    ...(pilot === undefined ? {} : { pilot }),
    gateways,
    ...(webhooks === undefined ? {} : { webhooks }),
    mesh,
    meshNetworks: resolveNetworks(values),
    ...(injects
      ? { injector: resolveInjector(withPath(allValues, 'global.istioNamespace', namespace), values, revision) }
      : {}),
    shared,
  };
  const problems = [spec, values, pilotComponent, baseComponent, ...readers.map(({ reader }) => reader)].flatMap(
    (reader) => reader.problems,
  );
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    installation,
    notHonoured: [
      ...listUnread(given, 'values', values),
      ...listUnread(given, 'unvalidatedValues', values),
      ...listUnreadComponents(given, { pilot: pilotComponent, base: baseComponent }),
      ...listUnreadGateways(given, readers),
      ...listUnreadMesh(given),
      ...listUnreadVariables(given),
      ...unreadPaths(leafPaths(withoutListed(given)), spec.read).map((path) => `spec.${path}`),
    ].sort(),
  };
}

function readMap(root: JsonObject, key: string): JsonObject {
  const value = Object.hasOwn(root, key) ? root[key] : undefined;
  return isObject(value) ? value : {};
}

/** `spec.hub` and `spec.tag` stand above `values.global`. */
function readGlobals(spec: ValuesReader): JsonObject {
  const hub = spec.text('hub');
  const tag = spec.scalar('tag');
  return { global: { ...(hub === undefined ? {} : { hub }), ...(tag === undefined ? {} : { tag: String(tag) }) } };
}

function resolveDiscoveryAddress(values: ValuesReader, namespace: string, suffix: string): string {
  const remote = values.text('global.remotePilotAddress');
  return remote === undefined
    ? `istiod${suffix}.${namespace}.svc:15012`
    : remote.includes(':')
      ? remote
      : `${remote}:15012`;
}

function resolvePilot(values: ValuesReader, component: ValuesReader): PilotPlan {
  const tag = component.scalar('tag') ?? values.scalar('pilot.tag');
  return {
    image: resolveImage(
      values,
      values.text('pilot.image') ?? 'pilot',
      component.text('hub') ?? values.text('pilot.hub'),
      tag,
    ),
    extraArgs: (values.list('pilot.extraContainerArgs') ?? []).map(String),
    settings: resolveWorkload({ values, prefix: 'pilot', component, label: 'spec.components.pilot' }),
  };
}

function resolveShared(values: ValuesReader, mesh: JsonObject, discoveryAddress: string): SharedSettings {
  const network = values.text('global.network');
  const trustDomain = typeof mesh.trustDomain === 'string' ? mesh.trustDomain : 'cluster.local';
  return {
    imagePullSecrets: (values.list('global.imagePullSecrets') ?? []).map(String),
    clusterDomain: values.text('global.proxy.clusterDomain') ?? 'cluster.local',
    clusterId: values.text('global.multiCluster.clusterName') ?? 'Kubernetes',
    ...(network === undefined ? {} : { network }),
    meshId: values.text('global.meshID') ?? trustDomain,
    trustDomain,
    discoveryAddress,
    caAddress: values.text('global.caAddress') ?? discoveryAddress,
    logLevel: values.text('global.logging.level') ?? 'default:info',
    logAsJson: values.boolean('global.logAsJson') === true,
    proxyLogLevel: values.text('global.proxy.logLevel') ?? 'warning',
    proxyComponentLogLevel: values.text('global.proxy.componentLogLevel') ?? 'misc:error',
    platformAssignsUser: values.text('global.platform') === 'openshift',
    prometheusMerge: mesh.enablePrometheusMerge !== false,
  };
}

function resolveWebhooks(values: ValuesReader, hasPilot: boolean, injection: boolean): WebhookPlan | undefined {
  const injectionUrl = values.text('istiodRemote.injectionURL');
  const validation = values.boolean('global.configValidation') !== false;
  const plan: WebhookPlan = {
    injection,
    validation: validation && hasPilot,
    enableNamespacesByDefault: values.boolean('sidecarInjectorWebhook.enableNamespacesByDefault') === true,
    reinvocationPolicy: values.text('sidecarInjectorWebhook.reinvocationPolicy') ?? 'Never',
    injectionPath: values.text('istiodRemote.injectionPath') ?? '/inject',
    ...(injectionUrl === undefined ? {} : { injectionUrl }),
  };
  return hasPilot || injectionUrl !== undefined ? plan : undefined;
}

function listUnread(given: JsonObject, key: 'values' | 'unvalidatedValues', reader: ValuesReader): readonly string[] {
  return unreadPaths(leafPaths(readMap(given, key)), reader.read).map((path) => `spec.${key}.${path}`);
}

function listUnreadComponents(given: JsonObject, readers: Readonly<Record<string, ValuesReader>>): readonly string[] {
  const components = readMap(given, 'components');
  return Object.entries(components).flatMap(([name, component]) => {
    if (!isObject(component)) return [];
    // A component that we don't have, said to be off, is honoured.
    const read = readers[name]?.read ?? new Set(component.enabled === false ? ['enabled'] : []);
    return unreadPaths(leafPaths(component), read).map((path) => `spec.components.${name}.${path}`);
  });
}

function listUnreadGateways(
  given: JsonObject,
  readers: ReturnType<typeof resolveGateways>['readers'],
): readonly string[] {
  const components = readMap(given, 'components');
  return ['ingressGateways', 'egressGateways'].flatMap((field) => {
    const entries = components[field];
    return (Array.isArray(entries) ? (entries as readonly JsonObject[]) : []).flatMap((entry, index) => {
      const found = readers.find(
        (one) => one.field === field && one.name === entry.name && one.namespace === (entry.namespace ?? ''),
      );
      return unreadPaths(leafPaths(entry), found?.reader.read ?? new Set()).map(
        (path) => `spec.components.${field}[${index}].${path}`,
      );
    });
  });
}

function listUnreadMesh(given: JsonObject): readonly string[] {
  return [
    ...unhonouredMeshFields(readMap(given, 'meshConfig')).map((path) => `spec.meshConfig.${path}`),
    ...unhonouredMeshFields(readMap(readMap(given, 'values'), 'meshConfig')).map(
      (path) => `spec.values.meshConfig.${path}`,
    ),
  ];
}

/** istiod gets every variable that is set, but reads only its own. */
function listUnreadVariables(given: JsonObject): readonly string[] {
  const inValues = Object.keys(readMap(readMap(readMap(given, 'values'), 'pilot'), 'env'));
  const inComponent = readVariableNames(readMap(readMap(readMap(given, 'components'), 'pilot'), 'k8s').env);
  return [
    ...listUnknownVariables(inValues).map((name) => `spec.values.pilot.env.${name}`),
    ...listUnknownVariables(inComponent).map((name) => `spec.components.pilot.k8s.env[${name}]`),
  ];
}

/** The rest of the spec: what has no reader of its own. */
function withoutListed(given: JsonObject): JsonObject {
  const { components: _c, values: _v, unvalidatedValues: _u, meshConfig: _m, ...rest } = given;
  return rest;
}
