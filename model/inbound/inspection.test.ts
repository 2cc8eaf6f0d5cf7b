import { expect } from 'chai';
import { createTestMesh } from '../testing/mesh.ts';
import { podObject, serviceObjects } from '../testing/objects.ts';

/** Which connections `virtualInbound` looks at, to a workload with ports of every kind. */
function inspectionsOf(spec: string) {
  const mesh = createTestMesh();
  mesh.source.apply([
    ...serviceObjects({ name: 'web', address: '10.96.0.1', ports: ['http:1:8080', 'tcp:2:9000', 'x:3:9001'] }),
    podObject({ name: 'web-1', ip: '10.0.0.1', labels: { app: 'web' } }, 'default'),
  ]);
  mesh.source.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: default}
spec: {selector: {matchLabels: {app: web}}, ${spec}}
`);
  const [listener] = mesh.read(mesh.queries.inboundListeners, mesh.keysOf({ podName: 'web-1' }).class ?? '');
  return { tls: listener?.tlsInspector, http: listener?.httpInspector };
}

describe('inbound connections', () => {
  it('are looked at for TLS where mTLS is one of several possibilities, for HTTP where nobody said what they are', () => {
    expect(inspectionsOf('mtls: {mode: PERMISSIVE}')).to.deep.equal({
      tls: { exceptPorts: [15006] },
      http: { exceptPorts: [8080, 9000, 15006] },
    });
  });

  it('are not looked at for HTTP where all of them are mTLS, which says it itself', () => {
    expect(inspectionsOf('mtls: {mode: STRICT}')).to.deep.equal({ tls: { exceptPorts: [15006] }, http: false });
  });

  it('are not looked at for TLS where there is no mTLS', () => {
    const http = { exceptPorts: [8080, 9000, 15006] };
    expect(inspectionsOf('mtls: {mode: DISABLE}')).to.deep.equal({ tls: false, http });
  });

  it('are looked at as the mode of their own port asks', () => {
    expect(
      inspectionsOf('mtls: {mode: STRICT}, portLevelMtls: {"9000": {mode: DISABLE}, "9001": {mode: DISABLE}}'),
    ).to.deep.equal({ tls: { exceptPorts: [9000, 9001, 15006] }, http: { onlyPorts: [9001] } });
    expect(inspectionsOf('mtls: {mode: DISABLE}, portLevelMtls: {"9000": {mode: STRICT}}')).to.deep.equal({
      tls: { onlyPorts: [9000] },
      http: { exceptPorts: [8080, 9000, 15006] },
    });
  });
});
