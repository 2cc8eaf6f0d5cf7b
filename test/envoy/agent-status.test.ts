import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server as HttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { AgentProcess } from '#test/support/agentprocess.ts';
import { buildAgentBundle } from '#test/support/bundle.ts';
import { buildEchoListener } from '#test/support/echolistener.ts';
import { MeshPeer } from '#test/support/meshpeer.ts';
import { decode, encode } from '#wire/index.ts';

/** An application with every kind of probe, on loopback. */
class Application {
  readonly http: HttpServer;
  readonly https: Server;
  readonly grpc = new GrpcServer();
  readonly seen: { path: string; headers: IncomingHttpHeaders }[] = [];
  /** Status of the next answers. */
  status = 200;
  serving: 'SERVING' | 'NOT_SERVING' = 'SERVING';
  ports = { http: 0, https: 0, grpc: 0 };

  constructor(certificate: { readonly cert: string; readonly key: string }) {
    this.http = createServer((request, response) => {
      const path = request.url ?? '';
      this.seen.push({ path, headers: request.headers });
      if (path === '/metrics') {
        response.end('# TYPE app_orders counter\napp_orders_total 7\n# EOF\n');
      } else if (path === '/moved') {
        response.writeHead(302, { location: '/ready' }).end();
      } else if (path === '/away') {
        response.writeHead(302, { location: 'http://elsewhere.example/' }).end();
      } else {
        response.writeHead(this.status).end('body');
      }
    });
    this.https = createHttpsServer(certificate, (_request, response) => {
      response.writeHead(this.status).end();
    });
    this.grpc.addService(
      {
        check: {
          path: '/grpc.health.v1.Health/Check',
          requestStream: false,
          responseStream: false,
          requestSerialize: () => Buffer.alloc(0),
          requestDeserialize: (bytes: Buffer) => decode('grpc.health.v1.HealthCheckRequest', bytes),
          responseSerialize: (value: { status: Application['serving'] }) =>
            Buffer.from(encode('grpc.health.v1.HealthCheckResponse', value)),
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        check: (call: { request: { service?: string } }, done: (error: null, value: object) => void) =>
          done(null, { status: call.request.service === 'orders' ? this.serving : 'SERVICE_UNKNOWN' }),
      },
    );
  }

  async start(): Promise<void> {
    const listen = (server: Server) =>
      new Promise<number>((resolve) =>
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
      );
    const grpc = await new Promise<number>((resolve, reject) =>
      this.grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    this.ports = { http: await listen(this.http), https: await listen(this.https), grpc };
  }

  stop(): void {
    this.http.closeAllConnections();
    this.http.close();
    this.https.close();
    this.grpc.forceShutdown();
  }
}

describe('the agent’s status port, with a real Envoy and an application', () => {
  let folder: string;
  let peer: MeshPeer;
  let agent: AgentProcess;
  let application: Application;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    const program = (await buildAgentBundle(folder)).path;
    const workload = { token: 'token', namespace: 'demo', serviceAccount: 'web' };
    const resources = { 'envoy.config.listener.v3.Listener': [await buildEchoListener()] };
    peer = await MeshPeer.start({ ...workload, resources });
    const issued = peer.authority.issueServer(['web.example']);
    application = new Application({ cert: issued.chain.join(''), key: issued.privateKey });
    await application.start();
    const { ports } = application;
    const probes = {
      '/app-health/web/readyz': {
        httpGet: { path: '/ready', port: ports.http, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
      },
      '/app-health/web/livez': { httpGet: { path: '/live', port: ports.https, scheme: 'HTTPS' } },
      '/app-health/web/startupz': { tcpSocket: { port: ports.http } },
      '/app-health/moved/readyz': { httpGet: { path: '/moved', port: ports.http } },
      '/app-health/moved/livez': { httpGet: { path: '/away', port: ports.http } },
      '/app-health/orders/readyz': { grpc: { port: ports.grpc, service: 'orders' } },
      '/app-health/orders/livez': { grpc: { port: ports.grpc, service: 'unknown' } },
      '/app-health/gone/readyz': { tcpSocket: { port: 1 } },
      '/app-health/gone/livez': { httpGet: { path: '/', port: 'no-such-port' } },
    };
    agent = await AgentProcess.prepare({
      program,
      ...peer.access,
      env: {
        ISTIO_KUBE_APP_PROBERS: JSON.stringify(probes),
        ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', port: String(ports.http) }),
      },
    });
    await agent.start();
    await agent.untilReady();
  });

  after(async () => {
    application.stop();
    await agent.remove();
    await peer.stop();
    await rm(folder, { recursive: true });
  });

  const probe = async (path: string) => {
    const response = await agent.get(agent.ports.status, path, { headers: { 'user-agent': 'kube-probe/1.36' } });
    return { status: response.status, text: await response.text() };
  };

  it('makes the application’s probes: HTTP, HTTPS, TCP and gRPC', async () => {
    const paths = [
      '/app-health/web/readyz',
      '/app-health/web/livez',
      '/app-health/web/startupz',
      '/app-health/orders/readyz',
    ];
    for (const path of paths) expect((await probe(path)).status, path).to.equal(200);
    const seen = application.seen.find(({ path }) => path === '/ready');
    expect(seen?.headers).to.include({ 'x-probe': 'yes', 'user-agent': 'kube-probe/1.36' });
    expect(seen?.headers.host).to.equal(`127.0.0.1:${application.ports.http}`);
  });

  it('follows a redirect within the application, and takes one to elsewhere for an answer', async () => {
    expect((await probe('/app-health/moved/readyz')).status).to.equal(200);
    expect((await probe('/app-health/moved/livez')).status).to.equal(200);
  });

  it('passes on that a probe fails, and why', async () => {
    application.status = 500;
    application.serving = 'NOT_SERVING';
    try {
      expect(await probe('/app-health/web/readyz')).to.deep.equal({
        status: 500,
        text: 'the application answered 500',
      });
      expect((await probe('/app-health/web/livez')).status).to.equal(500);
      expect(await probe('/app-health/orders/readyz')).to.deep.equal({
        status: 503,
        text: 'the application reports NOT_SERVING',
      });
      expect((await probe('/app-health/orders/livez')).text).to.contain('SERVICE_UNKNOWN');
      expect((await probe('/app-health/gone/readyz')).text).to.contain('ECONNREFUSED');
      expect((await probe('/app-health/gone/livez')).text).to.contain('not a port number');
    } finally {
      application.status = 200;
      application.serving = 'SERVING';
    }
  });

  it('knows only the probes it was given', async () => {
    expect((await probe('/app-health/other/readyz')).status).to.equal(404);
    expect((await probe('/')).status).to.equal(404);
  });

  it('merges the metrics of Envoy, the application and itself', async () => {
    const response = await agent.get(agent.ports.status, '/stats/prometheus');
    const text = await response.text();
    expect(response.headers.get('content-type')).to.contain('version=0.0.4');
    expect(text).to.contain('envoy_server_live').and.to.contain('app_orders_total 7');
    expect(text).to.match(/^istio_agent_cert_expiry_seconds\{resource_name="default"\} 8\d{4}$/m);
    expect(text).to.match(/^istio_agent_process_resident_memory_bytes \d+$/m);
    expect(text).not.to.contain('# EOF');
    // Every line is a comment or a sample, and no family stands twice.
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of lines) expect(line).to.match(/^(# (TYPE|HELP) \S+ .*|[a-zA-Z_:][\w:]*(\{.*\})? \S+)$/);
    const families = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
    expect(families).to.deep.equal([...new Set(families)]);
  });

  it('serves Envoy’s metrics alone on the port that Prometheus knows', async () => {
    const response = await agent.get(agent.ports.metrics, '/stats/prometheus');
    const text = await response.text();
    expect(response.status).to.equal(200);
    expect(text)
      .to.contain('envoy_server_live')
      .and.not.to.contain('app_orders_total')
      .and.not.to.contain('istio_agent_');
    expect((await agent.get(agent.ports.metrics, '/quitquitquit', { method: 'POST' })).status).to.equal(404);
    expect((await agent.get(agent.ports.readiness, '/debug')).status).to.equal(404);
  });

  it('goes on with what it has when the application’s metrics fail', async () => {
    application.http.closeAllConnections();
    await new Promise((resolve) => application.http.close(resolve));
    const text = await (await agent.get(agent.ports.status, '/stats/prometheus')).text();
    expect(text)
      .to.contain('envoy_server_live')
      .and.to.match(/^istio_agent_scrape_failures_total\{type="application"\} 1$/m);
  });

  it('shows what it is, without secrets', async () => {
    const text = await (await agent.get(agent.ports.status, '/debug')).text();
    const shown = JSON.parse(text);
    expect(shown.nodeId).to.contain('web-1.demo');
    expect(shown.secrets.map(({ name }: { name: string }) => name)).to.deep.equal(['default', 'ROOTCA']);
    expect(text).not.to.contain('PRIVATE KEY').and.not.to.contain('BEGIN');
  });
});
