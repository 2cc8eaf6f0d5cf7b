import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ClusterLayout, findProcesses, readLayout, stopCluster } from '#hack/cluster/index.ts';
import { commandSucceeds } from '#hack/setup/index.ts';
import { eventually } from '#test/support/cluster.ts';

const script = join(import.meta.dirname, '../../hack/cluster/cli.ts');

describe('removing a cluster', () => {
  const name = 'halfway';

  afterEach(() => stopCluster(name));

  // Each is a moment at which the start is killed: when the thing named is there.
  const moments: readonly [string, (layout: ClusterLayout) => Promise<boolean>][] = [
    ['its record', async () => true],
    ['its mount namespace', async (layout) => existsSync(layout.mountNamespace)],
    ['containerd', async (layout) => (await findProcesses(layout, 'containerd')).length > 0],
    [
      'the kubelet and its cgroups',
      async (layout) =>
        existsSync(`/sys/fs/cgroup/memory${layout.cgroup}/kubepods`) ||
        existsSync(`/sys/fs/cgroup${layout.cgroup}/kubepods`),
    ],
  ];

  for (const [what, reached] of moments) {
    it(`leaves nothing behind when the start was killed as soon as there was ${what}`, async () => {
      const starting = spawn(process.execPath, [script, 'up', name], { stdio: 'ignore' });
      const layout = await eventually(what, async () => {
        expect(starting.exitCode, 'the start ended by itself').to.equal(null);
        const known = await readLayout(name);
        return known && (await reached(known)) ? known : undefined;
      });
      await killHard(starting);
      expect(await stopCluster(name)).to.equal(true);
      expect(await leftovers(layout)).to.deep.equal([]);
    });
  }

  it('says so when there is nothing to remove', async () => {
    expect(await stopCluster(name)).to.equal(false);
  });
});

async function killHard(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Everything of a cluster that can be seen from the host. */
async function leftovers(layout: ClusterLayout): Promise<string[]> {
  const found = (await findProcesses(layout)).map((pid) => `process ${pid}`);
  if (existsSync(layout.directory)) found.push(layout.directory);
  if (existsSync(`/run/netns/${layout.networkNamespace}`)) found.push('network namespace');
  if (await commandSucceeds('ip', ['link', 'show', 'dev', layout.link.hostInterface])) found.push('link');
  if ((await readFile('/proc/self/mountinfo', 'utf8')).includes(layout.directory)) found.push('mount');
  for (const hierarchy of await readdir('/sys/fs/cgroup')) {
    if (existsSync(join('/sys/fs/cgroup', hierarchy, layout.cgroup))) found.push(`cgroup ${hierarchy}`);
  }
  if (existsSync(`/sys/fs/cgroup${layout.cgroup}`)) found.push('cgroup');
  return found;
}
