import { expectGolden } from '#test/support/golden.ts';
import { clusters, endpointGroup, listeners, routeTable } from '#test/support/resolved/index.ts';
import { toJson } from '#wire/index.ts';
import { buildCluster, buildListener, buildLoadAssignment, buildRouteTable, type ListenerSettings } from './index.ts';

const settings: ListenerSettings = { accessLog: { path: '/dev/stdout', format: { encoding: 'TEXT' } }, metrics: true };

describe('builders', () => {
  for (const [name, cluster] of Object.entries(clusters)) {
    it(`spell the cluster ${name}`, () => {
      const json = toJson('envoy.config.cluster.v3.Cluster', buildCluster(cluster));
      expectGolden(import.meta.url, `cluster-${name}.json`, json);
    });
  }

  it('spell endpoints with their health, locality, second address and metadata', () => {
    const json = toJson('envoy.config.endpoint.v3.ClusterLoadAssignment', buildLoadAssignment(endpointGroup));
    expectGolden(import.meta.url, 'endpoints.json', json);
  });

  it('spell every match and action of a route table', () => {
    const json = toJson('envoy.config.route.v3.RouteConfiguration', buildRouteTable(routeTable));
    expectGolden(import.meta.url, 'route-table.json', json);
  });

  for (const [name, listener] of Object.entries(listeners)) {
    it(`spell the listener ${name}`, () => {
      const json = toJson('envoy.config.listener.v3.Listener', buildListener(listener, { metrics: false }));
      expectGolden(import.meta.url, `listener-${name}.json`, json);
    });
  }

  it('spell access log and metrics where the mesh asks for them', () => {
    const [listener] = Object.values(listeners);
    if (listener === undefined) throw new Error('no listener');
    const json = toJson('envoy.config.listener.v3.Listener', buildListener(listener, settings));
    expectGolden(import.meta.url, 'listener-with-logs.json', json);
  });
});
