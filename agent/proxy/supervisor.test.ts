import { expect } from 'chai';
import { systemClock, untilAborted } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import { EnvoySupervisor } from './supervisor.ts';

describe('the supervisor of Envoy', () => {
  it('does not wait for clients of an Envoy that ended while it drained', async () => {
    const stop = new AbortController();
    let pid = 0;
    const drained = Promise.withResolvers<void>();
    const log: Logger = {
      ...{ debug: () => undefined, warn: () => undefined, error: () => undefined },
      info: (_message, fields) => {
        pid = Number(fields?.pid ?? pid);
      },
    };
    const supervisor = new EnvoySupervisor({
      ...{ binaryPath: process.execPath, args: ['-e', 'setInterval(() => undefined, 1000)'] },
      ...{ clock: systemClock, random: Math.random, log, hurry: new AbortController().signal },
      onStart: () => stop.abort(),
      drain: async (signal) => {
        process.kill(pid, 'SIGKILL');
        await untilAborted(signal);
        drained.resolve();
      },
    });
    await supervisor.run(stop.signal);
    await drained.promise;
    expect(pid).to.be.above(0);
  });
});
