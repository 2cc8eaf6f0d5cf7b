import { expect } from 'chai';
import type { ClusterName, Route } from '#model/types/index.ts';
import { BLACK_HOLE, buildGrpcRouteTable } from './grpc.ts';

const routeTo = (cluster: ClusterName): Route => ({
  name: '',
  match: { path: { kind: 'prefix', value: '/' }, ignoreCase: false, headers: [], queryParameters: [] },
  action: { kind: 'forward', clusters: [{ cluster, weight: 1 }], timeoutMs: 0 },
  sources: [],
});

describe('routes of gRPC clients', () => {
  it('lead nowhere where a proxy would pass a call on to where it was aimed', () => {
    const routes = [
      routeTo({ direction: 'outbound', port: 80, subset: '', hostname: 'a.b' }),
      routeTo({ direction: 'special', name: 'PassthroughCluster' }),
    ];
    const { virtualHosts = [] } = buildGrpcRouteTable('t', { name: 'a', routes });
    expect(virtualHosts[0]?.routes?.map(({ route }) => route?.cluster)).to.deep.equal(['outbound|80||a.b', BLACK_HOLE]);
  });
});
