import type { Protocol } from '../types/inputs.ts';

const byName = new Map<string, Protocol>(
  Object.entries({
    http: 'HTTP',
    http2: 'HTTP2',
    grpc: 'GRPC',
    'grpc-web': 'GRPC-Web',
    http_proxy: 'HTTP_PROXY',
    https: 'HTTPS',
    tls: 'TLS',
    tcp: 'TCP',
    udp: 'UDP',
    mongo: 'Mongo',
    redis: 'Redis',
    mysql: 'MySQL',
  }),
);

/** A protocol by its name in any case of letters; undefined when nobody calls one so. */
export const parseProtocol = (name: string): Protocol | undefined => byName.get(name.toLowerCase());
