import * as z from 'zod';
import { TcpKeepalive } from '../networking/destinationrule/connectionpool.ts';
import { ClientTLSSettings } from '../networking/destinationrule/schema.ts';
import { ProxyImage } from '../networking/proxyconfig.ts';
import { ReadinessProbe } from '../networking/workloadgroup.ts';
import { atMostOne } from '../schema/rule.ts';
import { int32, uint32, type Value } from '../schema/vocabulary.ts';
import { ConnectionSettings } from './connectionsettings.ts';
import { ForwardClientCertDetails, ProxyHeaders } from './proxyheaders.ts';
import { durationOrZero, empty, flag, looseTexts, text, texts } from './scalars.ts';
import { Tracing } from './tracing.ts';

const RemoteService = z.object({
  address: text().describe('Host and port.'),
  tlsSettings: ClientTLSSettings.optional().describe('TLS towards it.'),
  tcpKeepalive: TcpKeepalive.optional().describe('Keepalive of the connection.'),
});

export const Topology = z.object({
  numTrustedProxies: uint32().optional().describe('Proxies in front of the gateway whose X-Forwarded-For is believed.'),
  forwardClientCertDetails: ForwardClientCertDetails.optional().describe('What becomes of X-Forwarded-Client-Cert.'),
  proxyProtocol: empty().describe('Expect the PROXY protocol.'),
});

const keyProvider = () => z.object({ pollDelay: durationOrZero(), fallback: flag() }).optional();

const PrivateKeyProvider = atMostOne(z.object({ cryptomb: keyProvider(), qat: keyProvider() }), 'cryptomb', 'qat');

/** Settings of a proxy: MeshConfig.defaultConfig and the annotation proxy.istio.io/config. */
export const ProxyConfig = atMostOne(
  z.object({
    configPath: text().describe('Directory of the generated bootstrap.'),
    binaryPath: text().describe('Envoy’s program file.'),
    serviceCluster: text().describe('Name of the service in traces and statistics.'),
    tracingServiceName: z
      .enum(['APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE'])
      .optional()
      .describe('How the service is named in traces.'),
    drainDuration: durationOrZero().describe('How long Envoy drains on hot restart and listener change.'),
    discoveryAddress: text().describe('Host and port of istiod.'),
    discoveryRefreshDelay: durationOrZero().describe('No longer used.'),
    zipkinAddress: text().describe('Prefer tracing.zipkin.'),
    statsdUdpAddress: text().describe('Host and port of a statsd sink.'),
    envoyMetricsServiceAddress: text().describe('Prefer envoyMetricsService.'),
    proxyAdminPort: int32().optional().describe('Port of Envoy’s admin interface.'),
    availabilityZone: text().describe('No longer used.'),
    controlPlaneAuthPolicy: z.enum(['NONE', 'MUTUAL_TLS', 'INHERIT']).optional().describe('How istiod is spoken to.'),
    customConfigFile: text().describe('A bootstrap of one’s own.'),
    statNameLength: int32().optional().describe('Longest name of a statistic.'),
    concurrency: int32().optional().describe('Worker threads; by CPU limit when absent, 0 for all CPUs.'),
    proxyBootstrapTemplatePath: text().describe('A bootstrap template of one’s own.'),
    interceptionMode: z.enum(['REDIRECT', 'TPROXY', 'NONE']).optional().describe('How traffic is captured.'),
    tracing: Tracing.optional().describe('Tracing.'),
    sds: z.object({ enabled: flag(), k8sSaJwtPath: text() }).optional().describe('No longer used.'),
    envoyAccessLogService: RemoteService.optional().describe('Where access logs are streamed to.'),
    envoyMetricsService: RemoteService.optional().describe('Where statistics are streamed to.'),
    proxyMetadata: looseTexts().describe('Environment of the proxy and node metadata.'),
    runtimeValues: looseTexts().describe('Envoy runtime values.'),
    statusPort: int32().optional().describe('Port of the agent’s status server.'),
    extraStatTags: texts().describe('Tags that are taken out of statistic names besides the usual.'),
    gatewayTopology: Topology.optional().describe('What is in front of a gateway.'),
    terminationDrainDuration: durationOrZero().describe('How long connections may finish on shutdown.'),
    meshId: text().describe('Name of the mesh.'),
    readinessProbe: ReadinessProbe.optional().describe('Readiness of a workload outside Kubernetes.'),
    proxyStatsMatcher: z
      .object({
        inclusionPrefixes: texts().describe('Beginnings of names.'),
        inclusionSuffixes: texts().describe('Ends of names.'),
        inclusionRegexps: texts().describe('RE2 expressions.'),
      })
      .optional()
      .describe('Statistics that are recorded besides the usual.'),
    holdApplicationUntilProxyStarts: flag().describe('Start the application after the proxy is ready.'),
    caCertificatesPem: texts().describe('Further roots, in PEM.'),
    image: ProxyImage.optional().describe('Image of the proxy.'),
    privateKeyProvider: PrivateKeyProvider.optional().describe('Not in stock Envoy.'),
    proxyHeaders: ProxyHeaders.optional().describe('Headers that the proxy adds or changes.'),
    fileFlushInterval: durationOrZero().describe('How often access logs are flushed.'),
    fileFlushMinSizeKb: uint32().optional().describe('Buffered kilobytes that cause a flush.'),
    statsCompression: flag().describe('Whether the statistics endpoint compresses.'),
    connectionSettings: ConnectionSettings.optional().describe('Buffers, timeouts and limits of connections.'),
  }),
  'serviceCluster',
  'tracingServiceName',
);
export type ProxyConfig = Value<typeof ProxyConfig>;
