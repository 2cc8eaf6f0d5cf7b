import { expect } from 'chai';
import { createTestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import { readOutbound } from '../testing/outboundview.ts';

const declare = (namespace: string, spec: string, name = 'entry') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---`;

describe('ServiceEntries', () => {
  it('are seen no further than the mesh allows in their namespace, where sidecars are to care', () => {
    const mesh = createTestMesh();
    const visible = () =>
      ['low', 'default', 'elsewhere'].flatMap((namespace) =>
        ['low', 'default', 'mine'].flatMap((name) =>
          readOutbound(mesh, { namespace }).clusters.has(`outbound|80||${name}.example.com`)
            ? [`${namespace} ${name}`]
            : [],
        ),
      );
    const declareHost = (namespace: string, name: string, more = '') =>
      declare(
        namespace,
        `{hosts: [${name}.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.9.0.1}]${more}}`,
        name,
      );
    const namespaceNamed = (name: string, tier: string) =>
      `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: {tier: ${tier}}}}\n---\n`;
    mesh.source.apply(
      [
        ...[namespaceNamed('low', 'low'), namespaceNamed('default', 'high')],
        ...[declareHost('low', 'low'), declareHost('default', 'default')],
        declareHost('low', 'mine', ', exportTo: [elsewhere]'),
      ].join(''),
    );
    const all = ['low low', 'low default', 'default low', 'default default', 'elsewhere low', 'elsewhere default'];
    expect(visible()).to.deep.equal([...all, 'elsewhere mine']);
    const policies = (applyToSidecars: boolean, visibility: string, byDefault = 'PUBLIC') =>
      mesh.source.applyMeshConfig({
        serviceEntryVisibility: {
          ...{ applyToSidecars, defaultVisibility: byDefault },
          policies: [
            { visibility: 'NONE', matchingRules: [{}] },
            { visibility, matchingRules: [{ namespaceSelector: { matchLabels: { tier: 'low' } } }] },
          ],
        },
      });
    policies(false, 'NONE');
    expect(visible(), 'for others than sidecars').to.have.lengthOf(7);
    policies(true, 'NAMESPACE');
    expect(visible()).to.deep.equal(['low low', 'low default', 'default default', 'elsewhere default']);
    const facts = (name: string, namespace: string) =>
      mesh
        .read(mesh.queries.diagnostics, `ServiceEntry/Kubernetes/${namespace}/${name}`)
        .map(({ path, message }) => `${path}: ${message}`);
    expect(facts('low', 'low')).to.include(
      'spec.exportTo: the mesh’s serviceEntryVisibility lets only namespace low see it',
    );
    expect(facts('mine', 'low')).to.include('spec.exportTo: the mesh’s serviceEntryVisibility lets nobody see it');
    expect(facts('default', 'default')).to.deep.equal([]);
    policies(true, 'NONE');
    expect(visible()).to.deep.equal(['low default', 'default default', 'elsewhere default']);
    policies(true, 'PUBLIC', 'NONE');
    expect(visible()).to.deep.equal(['low low', 'default low', 'elsewhere low', 'elsewhere mine']);
    mesh.source.apply(namespaceNamed('low', 'high'));
    expect(visible()).to.deep.equal([]);
  });

  it('that the mesh lets nobody see add nothing to a Service of their name', () => {
    const mesh = createTestMesh();
    const host = 'reviews.default.svc.cluster.local';
    const endpoints = () =>
      readOutbound(mesh)
        .localities(`outbound|9080||${host}`)
        .flatMap((locality) => locality.endpoints);
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      declare(
        'default',
        `{hosts: [${host}], resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 9080, name: http, protocol: HTTP}], endpoints: [{address: 10.9.0.1}]}`,
      ),
    );
    expect(endpoints()).to.have.lengthOf(4);
    mesh.source.applyMeshConfig({ serviceEntryVisibility: { applyToSidecars: true, defaultVisibility: 'NAMESPACE' } });
    expect(endpoints()).to.have.lengthOf(3);
  });
});
