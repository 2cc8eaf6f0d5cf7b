import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { renderLauncher } from './bundle.ts';

describe('the launcher of a program', () => {
  /** What the script would run, with `echo` in the place of Node.js. */
  const started = (plan: Parameters<typeof renderLauncher>[0], ...words: string[]) => {
    const script = renderLauncher(plan, '/app.mjs').replaceAll('exec /usr/local/bin/node', 'exec echo');
    return execFileSync('sh', ['-c', script, 'launcher', ...words], { encoding: 'utf8' }).trim();
  };

  it('hands on its arguments behind the options of Node.js', () => {
    expect(started({}, 'a', 'b c')).to.equal('/app.mjs a b c');
    expect(started({ nodeOptions: ['--x'] }, 'a')).to.equal('--x /app.mjs a');
  });

  it('gives the options to one command only where a plan says so', () => {
    const plan = { nodeOptions: ['--x'], tunedCommand: 'proxy' };
    expect(started(plan, 'proxy', 'sidecar')).to.equal('--x /app.mjs proxy sidecar');
    expect(started(plan, 'istio-iptables', '-p', '1')).to.equal('/app.mjs istio-iptables -p 1');
    expect(started(plan)).to.equal('/app.mjs');
  });
});
