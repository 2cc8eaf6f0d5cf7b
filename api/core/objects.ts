/**
 * The kinds of Kubernetes itself, as far as a mesh reads them. The API server has checked what it hands out; these schemas
 * are for objects that come from elsewhere, such as files.
 */
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import type { Diagnostic, ObjectMeta, ParseResult } from '../resource.ts';
import { diagnose } from '../schema/diagnose.ts';
import { intOrString, portNumber, stringMap } from '../schema/vocabulary.ts';
import { isAddress } from '../shared/hosts.ts';

/** What a decoder may rely on: fields of the right type, everything else as it was. */
export interface CoreObject {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface CoreKindDefinition {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  readonly namespaced: boolean;
  /** Never throws on user input. */
  parse(object: unknown): ParseResult<CoreObject>;
}

const metadata = z.looseObject({
  name: z.string().min(1),
  namespace: z.string().optional(),
  labels: stringMap().optional(),
  annotations: stringMap().optional(),
  creationTimestamp: z.string().optional(),
  ownerReferences: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
    .optional(),
});

const protocol = () => z.enum(['TCP', 'UDP', 'SCTP']).optional();
const ip = () => z.string().refine((text) => isAddress(text), { message: 'must be an IP address' });
const clusterIp = () =>
  z
    .string()
    .refine((text) => text === '' || text === 'None' || isAddress(text), { message: 'must be an IP address or None' });

const service = z.looseObject({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).optional(),
  clusterIP: clusterIp().optional(),
  clusterIPs: z.array(clusterIp()).optional(),
  externalName: z.string().optional(),
  internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  trafficDistribution: z.string().optional(),
  publishNotReadyAddresses: z.boolean().optional(),
  selector: stringMap().optional(),
  ports: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        port: portNumber(),
        targetPort: intOrString().optional(),
        nodePort: portNumber().optional(),
        protocol: protocol(),
        appProtocol: z.string().optional(),
      }),
    )
    .optional(),
});

const endpointSlice = z.looseObject({
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  ports: z
    .array(z.looseObject({ name: z.string().optional(), port: portNumber().optional(), protocol: protocol() }))
    .nullish(),
  endpoints: z
    .array(
      z.looseObject({
        addresses: z.array(z.string()).min(1),
        conditions: z
          .looseObject({
            ready: z.boolean().optional(),
            serving: z.boolean().optional(),
            terminating: z.boolean().optional(),
          })
          .optional(),
        hostname: z.string().optional(),
        nodeName: z.string().optional(),
        zone: z.string().optional(),
        targetRef: z.looseObject({ kind: z.string().optional(), name: z.string().optional() }).optional(),
      }),
    )
    .nullish(),
});

const container = z.looseObject({
  ports: z
    .array(z.looseObject({ name: z.string().optional(), containerPort: portNumber(), protocol: protocol() }))
    .optional(),
});

const pod = z.looseObject({
  serviceAccountName: z.string().optional(),
  nodeName: z.string().optional(),
  hostNetwork: z.boolean().optional(),
  containers: z.array(container).optional(),
  initContainers: z.array(container.extend({ restartPolicy: z.string().optional() })).optional(),
});

const podStatus = z.looseObject({
  phase: z.string().optional(),
  podIP: ip().optional(),
  podIPs: z.array(z.looseObject({ ip: ip().optional() })).optional(),
});

const base64 = () => z.record(z.string(), z.base64());

function define(
  kind: string,
  apiVersion: string,
  fields: Readonly<Record<string, z.ZodType>>,
  check: (object: CoreObject) => readonly Diagnostic[] = () => [],
): CoreKindDefinition {
  const schema = z.looseObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...fields });
  return {
    kind,
    apiVersions: [apiVersion],
    namespaced: kind !== 'Node' && kind !== 'Namespace',
    parse(object) {
      const parsed = schema.safeParse(object);
      if (!parsed.success) return { ok: false, errors: diagnose(parsed.error, object) };
      // The schema has looked at every field that the type speaks of.
      const value = parsed.data as unknown as CoreObject;
      const errors = check(value);
      return errors.length > 0 ? { ok: false, errors } : { ok: true, value, warnings: [] };
    },
  };
}

export const coreKinds = {
  Service: define('Service', 'v1', { spec: service.optional() }),
  EndpointSlice: define('EndpointSlice', 'discovery.k8s.io/v1', endpointSlice.shape, checkAddresses),
  Pod: define('Pod', 'v1', { spec: pod.optional(), status: podStatus.optional() }),
  Node: define('Node', 'v1', {}),
  Namespace: define('Namespace', 'v1', {}),
  Secret: define('Secret', 'v1', { data: base64().optional(), stringData: stringMap().optional() }),
  ConfigMap: define('ConfigMap', 'v1', { data: stringMap().optional() }),
} as const satisfies Readonly<Record<string, CoreKindDefinition>>;

/** Addresses of the family that the slice says. */
function checkAddresses(object: CoreObject): readonly Diagnostic[] {
  const { addressType, endpoints } = endpointSlice.parse(object);
  if (addressType === 'FQDN') return [];
  const isOfFamily = addressType === 'IPv4' ? isIPv4 : isIPv6;
  return (endpoints ?? []).flatMap((endpoint, at) =>
    endpoint.addresses.flatMap((address, item) =>
      isOfFamily(address)
        ? []
        : [
            {
              path: `endpoints[${at}].addresses[${item}]`,
              message: `must be an ${addressType} address`,
              severity: 'error' as const,
            },
          ],
    ),
  );
}
