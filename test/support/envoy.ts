/** The real Envoy in tests: where its binary is, and whether it accepts a configuration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapDefaults, buildBootstrap } from '#envoy/bootstrap/index.ts';
import { envoyBinary } from '#hack/setup/envoy.ts';
import { encode, fromJson, type Message } from '#wire/index.ts';

type Bootstrap = Message<'envoy.config.bootstrap.v3.Bootstrap'>;

/** A sidecar's own bootstrap, with resources that would come from the control plane standing in it. */
export function buildStaticBootstrap(resources: {
  readonly clusters: readonly Message<'envoy.config.cluster.v3.Cluster'>[];
  readonly listeners: readonly Message<'envoy.config.listener.v3.Listener'>[];
}): Bootstrap {
  const own = fromJson(
    'envoy.config.bootstrap.v3.Bootstrap',
    buildBootstrap({
      ...bootstrapDefaults,
      nodeId: 'sidecar~10.0.0.1~test.default~default.svc.cluster.local',
      cluster: 'test.default',
      metadata: {},
      locality: { region: '', zone: '', subzone: '' },
      discovery: { host: '127.0.0.1', port: 15012, serverName: 'istiod.istio-system.svc' },
      addressFamilies: ['ipv4'],
    }),
  );
  return {
    ...own,
    staticResources: {
      clusters: [...(own.staticResources?.clusters ?? []), ...resources.clusters],
      listeners: [...(own.staticResources?.listeners ?? []), ...resources.listeners],
    },
  };
}

/** What `envoy --mode validate` says: its complaints and deprecation warnings, line by line; empty when all is well. */
export async function validate(bootstrap: Bootstrap): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-validate-'));
  try {
    const file = join(folder, 'bootstrap.pb');
    await writeFile(file, encode('envoy.config.bootstrap.v3.Bootstrap', bootstrap));
    const output = await runInto(join(folder, 'output'), await envoyBinary(silent), [
      ...['--mode', 'validate', '--config-path', file, '--log-level', 'warning'],
    ]);
    return output.split('\n').filter((line) => line !== '' && !/^configuration '.*' OK$/.test(line));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const silent = () => undefined;

/** Output goes to a file, because Envoy opens `/dev/stdout`, which a socket does not allow. */
async function runInto(path: string, command: string, args: readonly string[]): Promise<string> {
  const output = await open(path, 'w');
  try {
    const child = spawn(command, args, { stdio: ['ignore', output.fd, output.fd] });
    const [code] = await once(child, 'exit');
    return `${await readFile(path, 'utf8')}${code === 0 ? '' : `refused with exit code ${code}`}`;
  } finally {
    await output.close();
  }
}
