/** Random ServiceEntries and WorkloadEntries. */
import fc from 'fast-check';
import { app, exportTo, namespace, octet, present, rarely, type Shape, spec, version } from './vocabulary.ts';

/** Where some endpoints listen. */
export const editedSocket = '/run/api.sock';

/** A host that names are looked up for as requests bring them. */
const wildcards = fc.uniqueArray(fc.constantFrom('*.example.com', '*.books.example.com', '*-a.example.com'), {
  minLength: 1,
  maxLength: 2,
});
const httpPort = { number: 80, name: 'http', protocol: 'HTTP' };
const tlsPort = { number: 443, name: 'tls', protocol: 'TLS' };
const ofDynamicDns = fc
  .tuple(wildcards, fc.constantFrom([httpPort], [tlsPort], [httpPort, { ...tlsPort, targetPort: 8443 }]))
  .map(([hosts, ports]) => ({ hosts, ports, resolution: 'DYNAMIC_DNS' }));
const ofAnyOtherResolution = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('books.example.com', 'api.example.com', '*.example.com'), {
      minLength: 1,
      maxLength: 2,
    }),
    fc.constantFrom<object>(
      { resolution: 'NONE' },
      { resolution: 'DNS' },
      { resolution: 'DNS', endpoints: [{ address: 'one.example.com' }, { address: 'two.example.com' }] },
      { resolution: 'DNS', workloadSelector: { labels: { app: 'reviews' } } },
      { resolution: 'DNS_ROUND_ROBIN' },
      { resolution: 'STATIC', endpoints: [{ address: '10.2.0.1', labels: { version: 'v1' } }] },
      { resolution: 'STATIC', endpoints: [{ address: `unix://${editedSocket}` }] },
      {
        resolution: 'STATIC',
        endpoints: [{ address: `unix://${editedSocket}` }, { address: '10.2.0.2', labels: { version: 'v2' } }],
      },
      { resolution: 'STATIC', workloadSelector: { labels: { app: 'reviews' } } },
    ),
    fc.constantFrom(httpPort, tlsPort, { number: 5432, name: 'tcp', protocol: 'TCP' }),
    rarely(fc.constantFrom(['240.0.0.9'], ['10.3.0.0/16'])),
  )
  .map(([hosts, resolution, port, addresses]) => ({ hosts, ...resolution, ports: [port], addresses }));
export const serviceEntry: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  name: fc.constantFrom('one', 'two'),
  namespace,
  rest: fc
    .tuple(
      fc.oneof({ weight: 4, arbitrary: ofAnyOtherResolution }, ofDynamicDns),
      fc.constantFrom('MESH_INTERNAL', 'MESH_EXTERNAL'),
      exportTo,
      rarely(fc.constant('240.240.0.1')),
    )
    .map(([destination, location, to, allocated]) => ({
      spec: present({ ...destination, location, exportTo: to }),
      ...(allocated === undefined ? {} : { status: { addresses: [{ value: allocated, host: destination.hosts[0] }] } }),
    })),
};

export const workloadEntry: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  name: fc.constantFrom('vm-1', 'vm-2'),
  namespace,
  rest: spec(
    fc
      .tuple(
        fc.oneof(
          { weight: 4, arbitrary: octet.map((last) => `10.2.1.${last}`) },
          fc.constantFrom(`unix://${editedSocket}`, 'vm.example.com'),
        ),
        app,
        version,
        rarely(fc.constant('net-2')),
      )
      .map(([address, name, of, network]) =>
        present({ address, labels: { app: name, version: of }, serviceAccount: `sa-${name}`, network }),
      ),
  ),
};
