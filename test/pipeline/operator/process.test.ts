import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import operatorPackage from '@dot-i/k8s-operator';
import { expect } from 'chai';
import { KubeOperator } from '#controllers/operator/adapter.ts';
import { resources } from '#kube/index.ts';
import { OperatorHarness } from './harness.ts';

const top = join(import.meta.dirname, '../../..');

describe('the operator as a process', function () {
  this.timeout(120_000);
  let harness: OperatorHarness;
  let operator: ChildProcess;
  let output = '';

  before(async () => {
    harness = await OperatorHarness.start();
    operator = spawn(
      process.execPath,
      [join(top, 'test/support/operator-process.ts'), harness.server.kubeconfig, join(top, 'config/profiles')],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [operator.stdout, operator.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
  });
  after(async () => {
    operator.kill('SIGKILL');
    await harness.stop();
  });

  const installed = async (name: string) =>
    (await harness.client.find(resources.deployments, { namespace: 'istio-system', name })) !== undefined;

  it('outlives the API server and goes on where it was', async () => {
    await harness.create('mesh', { profile: 'minimal' });
    await harness.until(() => installed('istiod'), 'istiod is installed');
    await harness.server.kill();
    // Longer than the lease: leadership is lost, watches fail, reconciliations fail.
    await sleep(6_000);
    expect(operator.exitCode, output).to.equal(null);
    await harness.server.restart();
    await harness.server.kubectl(['delete', 'deployment', 'istiod', '-n', 'istio-system']);
    await harness.until(() => installed('istiod'), 'drift is repaired again');
    expect(operator.exitCode, output).to.equal(null);
  });

  it('ends with 0 when it is asked to', async () => {
    operator.kill('SIGTERM');
    const [code] = await once(operator, 'exit');
    expect(code, output).to.equal(0);
  });

  it('overrides every method of the package that may end the process', async () => {
    const source = await readFile(createRequire(import.meta.url).resolve('@dot-i/k8s-operator'), 'utf8');
    const prototype = operatorPackage.default.prototype;
    const ending = Object.getOwnPropertyNames(prototype).filter((name) => {
      const method: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      return name !== 'constructor' && typeof method === 'function' && method.toString().includes('process.exit');
    });
    expect(ending).to.deep.equal(['watchResource']);
    const exits = source.split('process.exit').length - 1;
    const inside = ending.map(
      (name) => String(Object.getOwnPropertyDescriptor(prototype, name)?.value).split('process.exit').length - 1,
    );
    expect(inside.reduce((sum, count) => sum + count, 0)).to.equal(exits);
    for (const name of [...ending, 'stop']) expect(Object.hasOwn(KubeOperator.prototype, name), name).to.equal(true);
  });
});
