import { expect } from 'chai';
import { createTestMesh } from '#model/testing/mesh.ts';
import { serviceObjects } from '#model/testing/objects.ts';
import { describeServices } from './registry.ts';

describe('the page registryz', () => {
  it('says which ports of a Service are left to the proxies that listen there themselves', () => {
    const mesh = createTestMesh();
    const ports = ['http:80', 'http-own:15021', 'tcp:15090'];
    mesh.source.apply(serviceObjects({ name: 'web', address: '10.96.0.1', ports }));
    const { graph, inputs, queries: model } = mesh;
    const [service] = describeServices({ graph, inputs, model });
    expect(service?.ports).to.deep.equal([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'http-own', port: 15021, protocol: 'HTTP', problem: 'sidecars themselves listen at port 15021' },
      { name: 'tcp', port: 15090, protocol: 'TCP' },
    ]);
  });
});
