import * as z from 'zod';
import { durationSetting, processSettings } from '#runtime/index.ts';

/** Everything `lateen discovery` can be told. */
export const discoverySettings = z.object({
  ...processSettings,
  kubeconfig: z
    .string()
    .default('')
    .describe('kubeconfig file, for running outside the cluster; empty: the service account of the pod'),
  configDir: z
    .string()
    .default('')
    .describe('folder of YAML files to take all objects from, in place of a Kubernetes cluster; empty: the cluster'),
  revision: z.string().min(1).default('default').describe('the revision this control plane serves'),
  clusterId: z.string().min(1).default('Kubernetes').describe('name of the cluster whose objects it watches'),
  namespace: z.string().min(1).default('istio-system').describe('namespace of the control plane'),
  serviceAccount: z
    .string()
    .min(1)
    .default('istiod')
    .describe('service account of the control plane, its own identity in the mesh'),
  domain: z.string().min(1).default('cluster.local').describe("the cluster's DNS domain"),
  podName: z.string().min(1).default('istiod-local').describe('unique name of this replica'),
  podIp: z.string().default('').describe('address of this replica, by which it knows itself among the replicas'),
  hostIp: z
    .string()
    .default('')
    .describe('address of the node; where it is not that of this replica, loopback is this pod alone'),
  debugFromLoopback: z
    .stringbool()
    .default(true)
    .describe('show /debug to whoever connects from this pod itself, as a forwarded port does, without an identity'),
  grpcAddr: z
    .string()
    .regex(/^((127\.0\.0\.1|localhost|\[::1\]):\d+)?$/, 'must be an address on loopback: whoever reaches it is served')
    .default('')
    .describe(
      'address of plaintext xDS, on loopback only, e.g. 127.0.0.1:15010; proxies there have no identity; empty: not served',
    ),
  secureGrpcAddr: z.string().default(':15012').describe('address of xDS and the certificate service over TLS'),
  httpsAddr: z.string().default(':15017').describe('address of the injection and validation webhooks'),
  httpAddr: z.string().default(':8080').describe('address of /ready'),
  monitoringAddr: z
    .string()
    .default(':15014')
    .describe(
      'address of /metrics, /version and (to proven identities and forwarded ports) /debug, with and without TLS',
    ),
  pluggedCertificates: z
    .string()
    .default('/etc/cacerts')
    .describe(
      'folder of a plugged-in CA (ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem) for a mesh of files; in a cluster the Secret cacerts holds it',
    ),
  descriptors: z.string().default('').describe('file of protobuf descriptors; empty: beside the program'),
  leaderElection: z
    .stringbool()
    .default(true)
    .describe(
      'write status and root certificates only as the lease holder; false for a single process outside the cluster',
    ),
  allocateAddresses: z
    .stringbool()
    .default(true)
    .describe('allocate addresses for ServiceEntries without any, in their status'),
  rehearseChanges: z
    .stringbool()
    .default(true)
    .describe(
      'before this replica is ready, change a small mesh of its own many times, so that the code for it is compiled: some 2 s',
    ),
  workloadGracePeriod: durationSetting()
    .prefault('10s')
    .describe('how long a workload outside of Kubernetes may be disconnected before its WorkloadEntry is removed'),
  workloadCertTtl: durationSetting()
    .prefault('24h')
    .describe('life of a workload certificate when the request names none'),
  maxWorkloadCertTtl: durationSetting().prefault('2160h').describe('longest life of a workload certificate'),
  xds: z
    .object({
      warmTimeout: durationSetting().prefault('5s').describe('how long a route waits for its clusters to warm'),
      missingClusterTimeout: durationSetting()
        .prefault('10s')
        .describe('how long a route waits for a cluster that does not exist'),
      maxConnectionAge: durationSetting()
        .prefault('30m')
        .describe('how long a connection lives before its client is asked to make a new one'),
      maxPendingBytes: z
        .number()
        .int()
        .positive()
        .default(64 * 1024 * 1024)
        .describe(
          'most bytes handed to sockets and not drained, of proxies that read; as many again may be held by some that do not',
        ),
      maxStreamsPerIdentity: z
        .number()
        .int()
        .positive()
        .default(10_000)
        .describe(
          'most streams of one identity on this replica: two for each pod of a service account, and twice that while they come back; without identities, of one address',
        ),
      maxStreamsPerProxy: z
        .number()
        .int()
        .positive()
        .default(250)
        .describe('most streams of one identity whose nodes have the same id'),
      maxNameBytesPerStream: z
        .number()
        .int()
        .positive()
        .default(16 * 1024 * 1024)
        .describe('most bytes of names that one stream may ask for and bring along, with what it says of refusals'),
      maxNameBytes: z
        .number()
        .int()
        .positive()
        .default(256 * 1024 * 1024)
        .describe('the same of all streams together; beyond it those are ended whose identity has most'),
    })
    .prefault({}),
});

export type DiscoverySettings = z.output<typeof discoverySettings>;
