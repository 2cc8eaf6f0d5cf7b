import type { ClientTLSSettings, LabelSelector } from '../specs.ts';

/** What the model and the spelling read of MeshConfig, defaults applied. Durations are milliseconds. */
export interface MeshSettings {
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY' | 'ALLOW_ANY_DYNAMIC_DNS';
  /** How unknown hosts are spoken to where they are looked up; plainly when absent. */
  readonly outboundTls?: ClientTLSSettings;
  /** Where the ports of services are served: at the address that the caller chose, or at the loopback address. */
  readonly inboundTrafficPolicy: 'PASSTHROUGH' | 'LOCALHOST';
  /** 0 waits for the first bytes for ever. */
  readonly protocolDetectionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How often names are looked up again when the answer doesn't say; never 0. */
  readonly dnsRefreshMs: number;
  readonly enableAutoMtls: boolean;
  readonly tcpKeepalive?: { readonly probes?: number; readonly timeMs?: number; readonly intervalMs?: number };
  readonly h2Upgrade: boolean;
  /** Empty means no access log. */
  readonly accessLogFile: string;
  readonly accessLogFormat: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  readonly defaultServiceExportTo: readonly string[];
  /** How far hosts of ServiceEntries may be seen; absent where sidecars are not to care. */
  readonly entryVisibility?: {
    readonly byDefault: EntryVisibility;
    /** In order; all selectors of a policy must match the namespace. One that selects by nothing we know matches none. */
    readonly policies: readonly {
      readonly visibility: EntryVisibility;
      readonly namespaces: readonly (LabelSelector | undefined)[];
    }[];
  };
  readonly defaultVirtualServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
  readonly defaultRetries: RetryDefaults;
  readonly proxyListenPort: number;
  readonly proxyInboundListenPort: number;
  readonly enablePrometheusMerge: boolean;
}

/** Everywhere that their exportTo says, in their own namespace at most, or nowhere. */
export type EntryVisibility = 'PUBLIC' | 'NAMESPACE' | 'NONE';

export interface RetryDefaults {
  readonly attempts: number;
  readonly retryOn: string;
  readonly retriableStatusCodes: readonly number[];
}
