import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type RunningEnvoy, startEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { fromJson } from '#wire/index.ts';

const top = join(import.meta.dirname, '../..');

/** Answers each request with the version that the port stands for. */
const application = `
  let open = 2;
  for (const [version, port] of [['v1', 9001], ['v2', 9002]])
    require('node:http').createServer((request, response) => response.end(version))
      .listen(port, '127.0.0.1', () => { if (--open === 0) console.log('ready'); });`;

describe('a mesh of files, as its guide describes it', function () {
  this.timeout(60_000);
  let network: NetworkPair;
  let folder: string;
  let stopApplication: (() => Promise<void>) | undefined;
  let istiod: ChildProcess;
  let envoy: RunningEnvoy | undefined;
  let output = '';

  before(async () => {
    network = await NetworkPair.create();
    folder = await mkdtemp(join(tmpdir(), 'lateen-mesh-'));
    await cp(join(top, 'config/samples/files'), folder, { recursive: true });
    stopApplication = await network.serve('pod', application);
    const [program = '', ...within] = network.command('pod');
    istiod = spawn(
      program,
      [
        ...within,
        ...[process.execPath, join(top, 'cmd/lateen.ts'), 'discovery', '--config-dir', folder],
        ...['--grpc-addr', '127.0.0.1:15010'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [istiod.stdout, istiod.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    await eventually(
      () => ask('http://127.0.0.1:8080/ready'),
      (reply) => expect(reply, output).to.equal('200 ready'),
    );
    const bootstrap = parse(await readFile(join(top, 'config/samples/files-envoy/bootstrap.yaml'), 'utf8')) as unknown;
    envoy = await startEnvoy(fromJson('envoy.config.bootstrap.v3.Bootstrap', bootstrap), {
      within: network.command('pod'),
    });
  });
  after(async () => {
    await envoy?.stop();
    const ended = once(istiod, 'exit');
    istiod.kill('SIGTERM');
    const [code] = await ended;
    await stopApplication?.();
    await network?.remove();
    await rm(folder, { recursive: true });
    expect(code, output).to.equal(0);
  });

  /** Status and body. */
  const ask = async (url: string, headers: Record<string, string> = {}): Promise<string> => {
    const script = `
      require('node:http').get(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)} }, (response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; });
        response.on('end', () => console.log(response.statusCode + ' ' + body.trim()));
      }).on('error', (error) => console.log(error.code));`;
    return (await network.run('pod', [process.execPath, '-e', script])).stdout.trim();
  };
  const greet = (headers: Record<string, string> = {}) =>
    ask('http://127.0.0.1:8000/', { host: 'greeting', ...headers });

  it('routes by the VirtualService and the subsets', async () => {
    await eventually(
      () => greet(),
      (reply) => expect(reply).to.equal('200 v1'),
    );
    expect(await greet({ 'end-user': 'jason' })).to.equal('200 v2');
    expect(await greet({ host: 'greeting.default.svc.cluster.local' })).to.equal('200 v1');
  });

  it('obeys a changed file, and goes on with the last valid version of a faulty one', async () => {
    const file = join(folder, 'routes.yaml');
    const before = await readFile(file, 'utf8');
    await writeFile(file, before.replace('subset: v1}', 'subset: v2}'));
    await eventually(
      () => greet(),
      (reply) => expect(reply).to.equal('200 v2'),
    );
    await writeFile(file, before.replace('subset: v1}', 'subset: 7}'));
    await eventually(
      () => output,
      (text) => expect(text).to.contain('spec.http[1].route[0].destination.subset'),
    );
    expect(output).to.match(/"file":"routes.yaml","document":2/);
    expect(await greet()).to.equal('200 v2');
    await writeFile(file, before);
    await eventually(
      () => greet(),
      (reply) => expect(reply).to.equal('200 v1'),
    );
  });

  it('takes a changed mesh configuration without a restart', async () => {
    const unknown = () => ask('http://127.0.0.1:8000/', { host: 'unknown.example.com' });
    const file = join(folder, 'mesh.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace('    enableAutoMtls', '    outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n    enableAutoMtls'),
    );
    await eventually(unknown, (reply) => expect(reply).to.match(/^502/));
    expect(await greet()).to.equal('200 v1');
  });
});
