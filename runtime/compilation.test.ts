import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const path = new URL('compilation.ts', import.meta.url);

/** Whether V8 has optimized a function that was called so many times. In a process of its own, as it is set for all of one. */
async function isOptimizedAfter(calls: number, defer: string): Promise<boolean> {
  const program = `
    import { deferOptimization } from ${JSON.stringify(path.href)};
    function add(a, b) { let sum = 0; for (const one of [a, b, a, b]) sum += one; return sum; }
    function call(times) { for (let i = 0; i < times; i += 1) add(i, 1); }
    %NeverOptimizeFunction(call);
    ${defer}
    call(${calls});
    // Compiled on a thread of its own and taken up by a later call.
    await new Promise((resolve) => setTimeout(resolve, 200));
    call(1);
    console.log((%GetOptimizationStatus(add) >> 4) & 1);`;
  const flags = ['--allow-natives-syntax', '--input-type=module', '--eval'];
  const { stdout, stderr } = await run(process.execPath, [...flags, program]);
  expect(stderr).to.equal('');
  return stdout.trim() === '1';
}

describe('compilation', () => {
  it('is put off until a function was called as often as it is told', async () => {
    expect(await isOptimizedAfter(20_000, '')).to.equal(true);
    expect(await isOptimizedAfter(20_000, 'deferOptimization(50_000);')).to.equal(false);
    expect(await isOptimizedAfter(200_000, 'deferOptimization(50_000);')).to.equal(true);
  });
});
