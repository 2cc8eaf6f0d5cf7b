/** One look at the application. */
import { execFile } from 'node:child_process';
import { runProbe } from '../status/probing.ts';
import type { HealthSettings } from './settings.ts';

/** As Istio's agents call themselves, so that applications know probes by it. */
const userAgent = 'istio-probe/1.0';

/** Why the application is not healthy; empty when it is. Never rejects. */
export async function probeApplication(
  { target, timeout }: Pick<HealthSettings, 'target' | 'timeout'>,
  address: string,
): Promise<string> {
  if (target.kind === 'exec') return await runCommand(target.command, timeout);
  const { status, reason } = await runProbe({ target, timeout }, address, { 'user-agent': userAgent });
  return status >= 200 && status < 400 ? '' : reason;
}

function runCommand([program, ...args]: readonly [string, ...string[]], timeout: number): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
      if (error === null) resolve('');
      else if (error.killed === true) resolve(`${program} did not end within ${timeout} ms`);
      else if (typeof error.code === 'number') resolve(`${program} ended with ${error.code} ${stderr}`.trim());
      else resolve(`${program}: ${error.message}`);
    });
  });
}
