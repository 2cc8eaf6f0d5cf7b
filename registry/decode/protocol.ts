import { type Protocol, parseProtocol } from '#model/index.ts';

/** The names that Kubernetes itself gives to application protocols. */
const standard = new Map<string, Protocol>(
  Object.entries({
    'kubernetes.io/h2c': 'HTTP2',
    'kubernetes.io/ws': 'HTTP',
    'kubernetes.io/wss': 'HTTPS',
  }),
);

/** Ports where the server speaks first, so that waiting for the client to be recognized would never end. */
const serverFirst = new Set([25, 53, 3306, 27017]);

export interface PortDeclaration {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

/** The protocol of a service port: `appProtocol`, else the first word of its name, else detected from the traffic. */
export function selectProtocol(port: PortDeclaration): Protocol {
  if (port.protocol === 'UDP') return 'UDP';
  const said = (port.appProtocol ?? port.name ?? '').toLowerCase();
  const known = standard.get(said);
  if (known !== undefined) return known;
  const word = said.startsWith('grpc-web') ? 'grpc-web' : (said.split('-', 1)[0] ?? '');
  return parseProtocol(word) ?? (serverFirst.has(port.port) ? 'TCP' : 'Auto');
}
