import { expect } from 'chai';
import fc from 'fast-check';
import { KubeClient } from './client.ts';
import { isExpired, KubeError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { resources } from './resources.ts';
import { readWatchEvents } from './watch-stream.ts';

function clientOf(chunks: readonly Uint8Array[]): KubeClient {
  return new KubeClient({
    send: () => Promise.reject(new Error('not used')),
    async stream() {
      return (async function* () {
        yield* chunks;
      })();
    },
    close: async () => undefined,
  });
}

async function read(chunks: readonly Uint8Array[]): Promise<{ names: string[]; failure: unknown }> {
  const request = {
    namespace: undefined,
    labelSelector: undefined,
    fieldSelector: undefined,
    resourceVersion: '1',
    timeoutSeconds: 10,
    silenceMs: 1_000,
    signal: new AbortController().signal,
  };
  const names: string[] = [];
  try {
    for await (const batch of readWatchEvents<KubeObject>(clientOf(chunks), resources.pods, request)) {
      names.push(...batch.map(({ object }) => object.metadata.name));
    }
  } catch (failure) {
    return { names, failure };
  }
  return { names, failure: undefined };
}

const line = (name: string) =>
  `${JSON.stringify({ type: 'ADDED', object: { metadata: { name, resourceVersion: '2' } } })}\n`;
const bytes = (text: string) => Buffer.from(text);

describe('the stream of a watch', () => {
  it('gives the same events however it is cut into chunks', async () => {
    const names = ['a', 'ü', '𝛑', 'd'];
    const whole = bytes(names.map(line).join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.sort((left, right) => left - right), whole.length];
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(await read(chunks)).to.deep.equal({ names, failure: undefined });
      }),
    );
  });

  it('drops an unfinished last line', async () => {
    expect(await read([bytes(`${line('a')}{"type":"ADD`)])).to.deep.equal({ names: ['a'], failure: undefined });
  });

  it('delivers what came before a bad line, then fails', async () => {
    const { names, failure } = await read([bytes(`${line('a')}garbage\n${line('b')}`)]);
    expect(names).to.deep.equal(['a']);
    expect(failure).to.be.instanceOf(KubeError).with.property('code', 'unavailable');
  });

  it('tells an expired version from other errors', async () => {
    const error = (code: number) =>
      bytes(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code, message: 'x' } })}\n`);
    expect(isExpired((await read([error(410)])).failure)).to.equal(true);
    expect(isExpired((await read([error(500)])).failure)).to.equal(false);
  });

  it('survives any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), async (chunks) => {
        const { failure } = await read(chunks);
        expect(failure === undefined || failure instanceof KubeError).to.equal(true);
      }),
    );
  });
});
