/** Which connections a port of a workload takes: by mTLS mode and protocol, told apart by TLS and ALPN. */
import { isHttp } from '../discovery/services.ts';
import { resolveServerFiles } from '../gateway/servertls.ts';
import type { MtlsMode } from '../security/peerauthentication.ts';
import type { ServerTLSSettings } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { DownstreamTls, FilterChainMatch } from '../types/resolved.ts';

/** What a sidecar offers when it carries HTTP, other traffic, or either over mesh mTLS. */
const meshHttp = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'] as const;
const meshTcp = ['istio-peer-exchange', 'istio'] as const;
const meshAny = [...meshTcp, ...meshHttp] as const;
const plainHttp = ['http/1.0', 'http/1.1', 'h2c'] as const;

export interface ChainShape {
  readonly match: FilterChainMatch;
  /** Ends mesh mTLS here. */
  readonly mtls: boolean;
  /** Ends TLS of the user's own here. */
  readonly tls?: DownstreamTls;
  readonly http: boolean;
}

const tls = { transportProtocol: 'tls' } as const;
const plain = { transportProtocol: 'raw_buffer' } as const;

/** The chains of one port, or of all other ports; what matches none is closed. */
export function shapeChains(mode: MtlsMode, protocol: Protocol): readonly ChainShape[] {
  const kind = protocol === 'Auto' ? 'detected' : isHttp(protocol) ? 'http' : 'tcp';
  switch (mode) {
    case 'STRICT':
      return strict[kind];
    case 'DISABLE':
      return disabled[kind];
    case 'PERMISSIVE':
      return permissive[kind];
  }
}

type Shapes = Readonly<Record<'http' | 'tcp' | 'detected', readonly ChainShape[]>>;

const strict: Shapes = {
  http: [{ match: tls, mtls: true, http: true }],
  tcp: [{ match: tls, mtls: true, http: false }],
  detected: [
    { match: { ...tls, applicationProtocols: meshHttp }, mtls: true, http: true },
    { match: tls, mtls: true, http: false },
  ],
};

const disabled: Shapes = {
  http: [{ match: {}, mtls: false, http: true }],
  tcp: [{ match: {}, mtls: false, http: false }],
  detected: [
    { match: { ...plain, applicationProtocols: plainHttp }, mtls: false, http: true },
    { match: {}, mtls: false, http: false },
  ],
};

/** TLS without a mesh ALPN is the application's own. */
const permissive: Shapes = {
  http: [
    { match: { ...tls, applicationProtocols: meshAny }, mtls: true, http: true },
    { match: plain, mtls: false, http: true },
  ],
  tcp: [
    { match: { ...tls, applicationProtocols: meshAny }, mtls: true, http: false },
    { match: plain, mtls: false, http: false },
    { match: tls, mtls: false, http: false },
  ],
  detected: [
    { match: { ...tls, applicationProtocols: meshHttp }, mtls: true, http: true },
    { match: { ...plain, applicationProtocols: plainHttp }, mtls: false, http: true },
    { match: { ...tls, applicationProtocols: meshTcp }, mtls: true, http: false },
    { match: plain, mtls: false, http: false },
    { match: tls, mtls: false, http: false },
  ],
};

/** The chains of a port that ends TLS with certificates of the user's own; without certificates it takes nothing. */
export function shapeServerTls(protocol: Protocol, settings: ServerTLSSettings): readonly ChainShape[] {
  const http = isHttp(protocol);
  const detected = protocol === 'Auto';
  const shape = (match: FilterChainMatch, speaksHttp: boolean): readonly ChainShape[] => {
    const ending = resolveServerFiles(settings, speaksHttp ? ['h2', 'http/1.1'] : []);
    return ending === undefined ? [] : [{ match, mtls: false, tls: ending, http: speaksHttp }];
  };
  if (!detected) return shape(tls, http);
  return [...shape({ ...tls, applicationProtocols: ['h2', 'http/1.1', 'http/1.0'] }, true), ...shape(tls, false)];
}
