/** Which callers a workload's ports accept: PeerAuthentication of the mesh, the namespace and the workload. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import { compareAge, selects, sourceOf } from '../selection.ts';
import type { Origin, SourceRef } from '../types/identity.ts';
import type { InvalidConfig } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';

export type MtlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** A policy with a selector. */
export interface WorkloadPolicy {
  readonly key: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Undefined inherits from the namespace. */
  readonly mode?: MtlsMode;
  /** By workload port; undefined inherits from `mode`. */
  readonly ports: Readonly<Record<string, MtlsMode | undefined>>;
  readonly source: SourceRef;
}

export interface NamespacePolicies {
  /** What holds where no policy with a selector applies. */
  readonly mode: MtlsMode;
  readonly sources: readonly SourceRef[];
  /** Oldest first: the first that selects a workload is in force. */
  readonly workloads: readonly WorkloadPolicy[];
}

interface Policy extends Origin {
  readonly selector: Readonly<Record<string, string>>;
  /** It selects some of what the selector says. */
  readonly inDoubt?: true;
  readonly mode?: MtlsMode;
  readonly ports: Readonly<Record<string, MtlsMode | undefined>>;
}

/** `peerPolicies`: by namespace. */
export function definePeerPolicies(
  graph: Graph,
  inputs: MeshInputs,
  settings: Query<MeshSettings>,
): Query<NamespacePolicies> {
  return graph.query<NamespacePolicies>(
    'peerPolicies',
    (reader, namespace) => {
      const { rootNamespace } = reader.read(settings, '');
      const own = readPolicies(reader, inputs, namespace);
      const wide = own.find(isWide);
      const mesh = namespace === rootNamespace ? undefined : readPolicies(reader, inputs, rootNamespace).find(isWide);
      const inForce = [wide, mesh].filter((policy) => policy?.mode !== undefined).slice(0, 1);
      return {
        mode: inForce[0]?.mode ?? 'PERMISSIVE',
        sources: inForce.flatMap((policy) => (policy === undefined ? [] : [sourceOf('PeerAuthentication', policy)])),
        workloads: own
          .filter((policy) => !isWide(policy))
          .sort(doubtfulLast)
          .map(toWorkloadPolicy),
      };
    },
    { equal: sameData },
  );
}

const isWide = (policy: Policy): boolean => !policy.inDoubt && Object.keys(policy.selector).length === 0;

/** What may not be meant gives way to what is. */
const doubtfulLast = (a: Policy, b: Policy): number => Number(a.inDoubt ?? false) - Number(b.inDoubt ?? false);

function toWorkloadPolicy(policy: Policy): WorkloadPolicy {
  return {
    key: renderObjectKey(policy.cluster, policy.namespace, policy.name),
    selector: policy.selector,
    ...(policy.mode === undefined ? {} : { mode: policy.mode }),
    ports: policy.ports,
    source: sourceOf('PeerAuthentication', policy),
  };
}

/**
 * Valid policies as they are; an invalid one that replaces no valid version asks for mTLS on what it selects, as
 * `renderStandIn` says.
 */
function readPolicies(reader: Reader, inputs: MeshInputs, namespace: string): readonly Policy[] {
  const valid = reader.bucket(inputs.peerAuthentications, 'namespace', namespace).map((config): Policy => {
    const mode = parseMode(config.spec.mtls?.mode);
    return {
      ...originOf(config),
      selector: config.spec.selector?.matchLabels ?? {},
      ...(mode === undefined ? {} : { mode }),
      ports: Object.fromEntries(
        Object.entries(config.spec.portLevelMtls ?? {}).map(([port, mtls]) => [
          String(Number(port)),
          parseMode(mtls.mode),
        ]),
      ),
    };
  });
  const invalid = reader
    .bucket(inputs.invalidConfigs, 'kind', `PeerAuthentication/${namespace}`)
    .filter((config) => !config.lastValidInForce)
    .map(
      (config): Policy => ({
        ...originOf(config),
        selector: config.selector ?? {},
        ...(config.selectorInDoubt ? { inDoubt: true } : {}),
        mode: 'STRICT',
        ports: {},
      }),
    );
  return [...valid, ...invalid].sort(compareAge);
}

/** What holds in the place of an invalid policy of which there is no valid version; for its status. */
export function renderStandIn({ selectorInDoubt }: Pick<InvalidConfig, 'selectorInDoubt'>): string {
  return selectorInDoubt
    ? 'until it is valid, the workloads of its namespace that it may select, and that no other policy does, accept mutual TLS only'
    : 'until it is valid, what it selects accepts mutual TLS only';
}

const originOf = (origin: Origin): Origin => ({
  cluster: origin.cluster,
  namespace: origin.namespace,
  name: origin.name,
  uid: origin.uid,
  generation: 0,
  resourceVersion: '',
  createdAt: origin.createdAt,
});

function parseMode(mode: string | undefined): MtlsMode | undefined {
  return mode === 'DISABLE' || mode === 'PERMISSIVE' || mode === 'STRICT' ? mode : undefined;
}

/** The policy with a selector that is in force for a workload. */
export function workloadPolicy(
  policies: NamespacePolicies,
  labels: Readonly<Record<string, string>>,
): WorkloadPolicy | undefined {
  return policies.workloads.find((policy) => selects(policy.selector, labels));
}

/** The mode of one port of a workload. */
export function portMode(policies: NamespacePolicies, policy: WorkloadPolicy | undefined, port: number): MtlsMode {
  return policy?.ports[String(port)] ?? policy?.mode ?? policies.mode;
}
