import { expect } from 'chai';
import type { TestMesh } from '../testing/mesh.ts';
import { egress, shops, sidecar } from '../testing/outbound.ts';

function factsOf(mesh: TestMesh, name = 'default', namespace = 'client'): readonly string[] {
  return mesh
    .read(mesh.queries.diagnostics, `Sidecar/Kubernetes/${namespace}/${name}`)
    .map(({ type, path, message }) => `${type} ${path}: ${message}`);
}

describe('diagnostics of a Sidecar', () => {
  it('name the egress hosts that match nothing', () => {
    const mesh = shops();
    mesh.source.apply(
      egress(
        './*',
        'shop/*',
        '*/*',
        '~pay/*',
        'shop/cart.shop.svc.cluster.local',
        'ops/*',
        '*/*.shop.svc.cluster.local',
      ),
    );
    expect(factsOf(mesh)).to.deep.equal([]);
    mesh.source.apply(
      egress(
        'nowhere/*',
        'shop/carts.shop.svc.cluster.local',
        'pay/cart.shop.svc.cluster.local',
        '*/*.example.com',
        'shop/books.example.com',
      ),
    );
    expect(factsOf(mesh)).to.deep.equal([
      'ResolvedRefs spec.egress[0].hosts[0]: no service that client sees matches',
      'ResolvedRefs spec.egress[0].hosts[1]: carts.shop.svc.cluster.local is no service that client sees in shop',
      'ResolvedRefs spec.egress[0].hosts[2]: cart.shop.svc.cluster.local is no service that client sees in pay',
      'ResolvedRefs spec.egress[0].hosts[3]: no service that client sees matches',
      'ResolvedRefs spec.egress[0].hosts[4]: books.example.com is no service that client sees in shop',
    ]);
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: books, namespace: shop}
spec: {hosts: [books.example.com], http: [{route: [{destination: {host: cart}}]}]}
`);
    expect(
      factsOf(mesh).map((fact) => fact.split(':')[0]),
      'a VirtualService is something as well',
    ).to.deep.equal([...[0, 1, 2].map((index) => `ResolvedRefs spec.egress[0].hosts[${index}]`)]);
  });

  it('leave `.` of the root namespace to those it is for', () => {
    const mesh = shops();
    mesh.source.apply(sidecar('{egress: [{hosts: ["./*"]}]}', 'default', 'istio-system'));
    expect(factsOf(mesh, 'default', 'istio-system')).to.deep.equal([]);
  });

  it('name the older Sidecar that is in force for the same workloads', () => {
    const mesh = shops();
    const one = (name: string, more = '') => sidecar(`{${more} egress: [{hosts: ["*/*"]}]}`, name);
    const select = (labels: string) => `workloadSelector: {labels: ${labels}},`;
    mesh.source.apply([one('old'), one('young')].join('---'));
    mesh.source.apply(
      [
        one('web', select('{app: web}')),
        one('web-v1', select('{app: web, version: v1}')),
        one('v1', select('{version: v1}')),
      ].join('---'),
    );
    expect(factsOf(mesh, 'old')).to.deep.equal([]);
    expect(factsOf(mesh, 'young')).to.deep.equal([
      'Conflicted spec.workloadSelector: the older Sidecar old is in force for the same workloads',
    ]);
    expect(factsOf(mesh, 'web')).to.deep.equal([]);
    expect(factsOf(mesh, 'v1'), 'in force where the label app is another').to.deep.equal([]);
    expect(factsOf(mesh, 'web-v1')).to.deep.equal([
      'Conflicted spec.workloadSelector: the older Sidecar web is in force for the same workloads',
    ]);
  });

  it('say why an egress proxy takes nothing', () => {
    const mesh = shops();
    const proxy = (hosts: string, host: string, number = 80) =>
      sidecar(
        `{egress: [{hosts: [${hosts}]}], outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: ${host}, port: {number: ${number}}}}}`,
      );
    const path = 'ResolvedRefs spec.outboundTrafficPolicy.egressProxy';
    mesh.source.apply(proxy('"*/*"', 'card.pay.svc.cluster.local'));
    expect(factsOf(mesh)).to.deep.equal([]);
    mesh.source.apply(proxy('"*/*"', 'web'));
    expect(factsOf(mesh), 'a short name is of the namespace').to.deep.equal([]);
    mesh.source.apply(proxy('"*/*"', 'cards.pay.svc.cluster.local'));
    expect(factsOf(mesh)).to.deep.equal([`${path}.host: cards.pay.svc.cluster.local is no service that client sees`]);
    mesh.source.apply(proxy('"*/*"', 'card.pay.svc.cluster.local', 81));
    expect(factsOf(mesh)).to.deep.equal([`${path}.port.number: card.pay.svc.cluster.local has no port 81, it has 80`]);
    mesh.source.apply(proxy('"shop/*"', 'card.pay.svc.cluster.local'));
    expect(factsOf(mesh)).to.deep.equal([
      `${path}.host: card.pay.svc.cluster.local is not among the egress hosts: unknown destinations are refused`,
    ]);
  });
});
