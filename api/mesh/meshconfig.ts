import * as z from 'zod';
import {
  ConnectionPoolSettings,
  OutlierDetection,
  TcpKeepalive,
} from '../networking/destinationrule/connectionpool.ts';
import {
  LocalityLoadBalancerSetting,
  ZoneAwareLoadBalancerSetting,
} from '../networking/destinationrule/loadbalancer.ts';
import { ClientTLSSettings } from '../networking/destinationrule/schema.ts';
import { HTTPRetry } from '../networking/virtualservice/httpactions.ts';
import { atMostOne } from '../schema/rule.ts';
import { int32, stringMap, type Value } from '../schema/vocabulary.ts';
import { ExtensionProvider } from './extensionprovider.ts';
import { ProxyConfig } from './proxyconfig.ts';
import { durationOrZero, flag, text, texts } from './scalars.ts';

export const LabelSelector = z.object({
  matchLabels: stringMap().optional().describe('Labels that must be there.'),
  matchExpressions: z
    .array(z.object({ key: text(), operator: text(), values: texts() }))
    .optional()
    .describe('Expressions that must hold.'),
});
export type LabelSelector = Value<typeof LabelSelector>;

const CertificateData = atMostOne(
  z.object({
    pem: text().describe('The roots, in PEM.'),
    spiffeBundleUrl: text().describe('Where the SPIFFE bundle is.'),
    certSigners: texts().describe('Signers that these roots belong to.'),
    trustDomains: texts().describe('Trust domains that these roots vouch for.'),
  }),
  'pem',
  'spiffeBundleUrl',
);

const TLSConfig = z.object({
  minProtocolVersion: z.enum(['TLS_AUTO', 'TLSV1_2', 'TLSV1_3']).optional().describe('Oldest TLS version.'),
  ecdhCurves: texts().describe('Curves to offer.'),
  cipherSuites: texts().describe('Ciphers to offer.'),
});

const visibility = () => z.enum(['VISIBILITY_UNSPECIFIED', 'NONE', 'NAMESPACE', 'PUBLIC']).optional();

const ServiceEntryVisibility = z.object({
  defaultVisibility: visibility().describe('Where no policy matches.'),
  applyToSidecars: flag().describe('Whether sidecars obey it too.'),
  policies: z
    .array(
      z.object({
        visibility: visibility(),
        matchingRules: z.array(z.object({ namespaceSelector: LabelSelector.optional() })).optional(),
      }),
    )
    .optional()
    .describe('By namespace; the first match counts.'),
});

const exportTo = (kind: string) => texts().describe(`Who sees a ${kind} that does not say so itself.`);

/** Settings of the whole mesh. Source: istio.mesh.v1alpha1.MeshConfig. */
export const MeshConfig = z.object({
  proxyListenPort: int32().optional().describe('Port of the outbound listener.'),
  proxyInboundListenPort: int32().optional().describe('Port of the inbound listener.'),
  proxyHttpPort: int32().optional().describe('Port of the HTTP proxy; 0 for none.'),
  connectTimeout: durationOrZero().describe('How long opening a connection may take.'),
  hboneIdleTimeout: durationOrZero().describe('Idle time of tunnels.'),
  protocolDetectionTimeout: durationOrZero().describe('How long protocol detection waits; 0s for ever.'),
  tcpKeepalive: TcpKeepalive.optional().describe('Keepalive of upstream connections.'),
  ingressClass: text().describe('Ingress class that is ours.'),
  ingressService: text().describe('Service of the ingress gateway.'),
  ingressControllerMode: z
    .enum(['UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'])
    .optional()
    .describe('Which Ingress resources are served.'),
  ingressSelector: text().describe('Label `istio` of the gateway that serves Ingress.'),
  enableTracing: flag().describe('Whether requests are traced.'),
  accessLogFile: text().describe('File of the access log; none when empty.'),
  accessLogFormat: text().describe('Format of the access log.'),
  accessLogEncoding: z.enum(['TEXT', 'JSON']).optional().describe('Encoding of the access log.'),
  enableEnvoyAccessLogService: flag().describe('Stream access logs to the service in defaultConfig.'),
  disableEnvoyListenerLog: flag().describe('No log entries for listeners.'),
  defaultConfig: ProxyConfig.optional().describe('Settings of every proxy.'),
  outboundTrafficPolicy: z
    .object({
      mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS']).optional(),
      tls: ClientTLSSettings.optional(),
    })
    .optional()
    .describe('What happens to traffic to unknown hosts.'),
  inboundTrafficPolicy: z
    .object({ mode: z.enum(['PASSTHROUGH', 'LOCALHOST']).optional() })
    .optional()
    .describe('Where inbound traffic is delivered.'),
  configSources: z
    .array(
      z.object({
        address: text(),
        tlsSettings: ClientTLSSettings.optional(),
        subscribedResources: z.array(z.enum(['SERVICE_REGISTRY'])).optional(),
      }),
    )
    .optional()
    .describe('Where configuration comes from.'),
  enableAutoMtls: flag().describe('Use mutual TLS where the server can.'),
  trustDomain: text().describe('Trust domain of the mesh.'),
  trustDomainAliases: texts().describe('Trust domains that count as the same.'),
  caCertificates: z.array(CertificateData).optional().describe('Further roots that proxies trust.'),
  defaultServiceExportTo: exportTo('service'),
  defaultVirtualServiceExportTo: exportTo('VirtualService'),
  defaultDestinationRuleExportTo: exportTo('DestinationRule'),
  rootNamespace: text().describe('Namespace whose policies are for the whole mesh.'),
  localityLbSetting: LocalityLoadBalancerSetting.optional().describe('Preference by locality.'),
  zoneAwareLbSetting: ZoneAwareLoadBalancerSetting.optional().describe('Preference for the own zone.'),
  dnsRefreshRate: durationOrZero().describe('How often failed DNS lookups are repeated.'),
  h2UpgradePolicy: z.enum(['DO_NOT_UPGRADE', 'UPGRADE']).optional().describe('Carry HTTP/1.1 over HTTP/2.'),
  inboundClusterStatName: text().describe('Pattern of statistic names.'),
  outboundClusterStatName: text().describe('Pattern of statistic names.'),
  certificates: z
    .array(z.object({ secretName: text(), dnsNames: texts() }))
    .optional()
    .describe('No longer used.'),
  serviceSettings: z
    .array(z.object({ settings: z.object({ clusterLocal: flag() }).optional(), hosts: texts() }))
    .optional()
    .describe('Settings of services by host.'),
  serviceScopeConfigs: z
    .array(
      z.object({
        namespaceSelector: LabelSelector.optional(),
        servicesSelector: LabelSelector.optional(),
        scope: z.enum(['LOCAL', 'GLOBAL']).optional(),
      }),
    )
    .optional()
    .describe('Which services are seen from other clusters.'),
  enablePrometheusMerge: flag().describe('Merge the application’s metrics into the agent’s.'),
  verifyCertificateAtClient: flag().describe('Check server certificates against the system’s roots.'),
  ca: z
    .object({
      address: text(),
      tlsSettings: ClientTLSSettings.optional(),
      requestTimeout: durationOrZero(),
      istiodSide: flag(),
    })
    .optional()
    .describe('An external certificate authority.'),
  extensionProviders: z.array(ExtensionProvider).optional().describe('Services that policies refer to.'),
  defaultProviders: z
    .object({ tracing: texts(), metrics: texts(), accessLogging: texts() })
    .optional()
    .describe('Providers where Telemetry names none.'),
  discoverySelectors: z.array(LabelSelector).optional().describe('Namespaces that istiod looks at.'),
  pathNormalization: z
    .object({
      normalization: z.enum(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']).optional(),
    })
    .optional()
    .describe('How paths are normalized.'),
  defaultHttpRetryPolicy: HTTPRetry.optional().describe('Retries where a route says nothing.'),
  defaultInboundHttpRetryPolicy: HTTPRetry.optional().describe('Retries of a sidecar towards its own application.'),
  meshMTLS: TLSConfig.optional().describe('TLS between workloads.'),
  tlsDefaults: TLSConfig.optional().describe('TLS everywhere else.'),
  defaultTrafficPolicy: z
    .object({
      connectionPool: ConnectionPoolSettings.optional(),
      outlierDetection: OutlierDetection.optional(),
    })
    .optional()
    .describe('Traffic policy where no DestinationRule says otherwise.'),
  serviceEntryVisibility: ServiceEntryVisibility.optional().describe('Who sees ServiceEntries.'),
});
export type MeshConfig = Value<typeof MeshConfig>;
