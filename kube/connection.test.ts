import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Clock, LateenError, systemClock } from '#runtime/core/index.ts';
import { createClusterConnection } from './connection-cluster.ts';
import { createKubeconfigConnection } from './connection-kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function failure(call: Promise<unknown>): Promise<LateenError> {
  try {
    await call;
  } catch (thrown) {
    return LateenError.from(thrown);
  }
  throw new Error('the call was expected to fail');
}

describe('where the API server is', () => {
  let directory: string;
  const write = (name: string, text: string) => writeFile(join(directory, name), text);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lateen-connection-'));
  });
  after(() => rm(directory, { recursive: true }));

  describe('in a pod', () => {
    let now = 0;
    const clock: Clock = { ...systemClock, monotonic: () => now };
    const create = (host = '10.96.0.1') => createClusterConnection({ host, port: '443', directory, clock });

    beforeEach(async () => {
      now = 0;
      await write('token', 'one\n');
      await write('ca.crt', 'CA');
      await write('namespace', 'shop');
    });

    it('is what the service account says', async () => {
      expect(await create().read()).to.deep.equal({
        server: 'https://10.96.0.1:443',
        tls: { ca: 'CA' },
        authorization: 'Bearer one',
        namespace: 'shop',
      });
      expect((await create('fd00::1').read()).server).to.equal('https://[fd00::1]:443');
    });

    it('is read again after a minute, because tokens rotate', async () => {
      const source = create();
      await source.read();
      await write('token', 'two');
      now = 59_000;
      expect((await source.read()).authorization).to.equal('Bearer one');
      now = 61_000;
      expect((await source.read()).authorization).to.equal('Bearer two');
    });

    it('stays what it was while a file cannot be read, and is unavailable when it never could', async () => {
      const source = create();
      await source.read();
      await rm(join(directory, 'token'));
      now = 61_000;
      expect((await source.read()).authorization).to.equal('Bearer one');
      expect(await failure(create().read())).to.have.property('code', 'unavailable');
    });
  });

  describe('by a kubeconfig file', () => {
    const read = async (user: unknown, cluster: unknown = {}, context?: string) => {
      const path = join(directory, 'config');
      const server = { server: 'https://api.example:6443/', ...(cluster as object) };
      await write(
        'config',
        JSON.stringify({
          'current-context': 'here',
          contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'n' } }],
          clusters: [{ name: 'c', cluster: server }],
          users: [{ name: 'u', user }],
        }),
      );
      return await createKubeconfigConnection({ path, ...(context === undefined ? {} : { context }) }).read();
    };

    it('takes certificates from the file itself or from files beside it', async () => {
      await write('key.pem', 'KEY');
      const user = { 'client-certificate-data': base64('CERT'), 'client-key': 'key.pem' };
      expect(
        await read(user, { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes' }),
      ).to.deep.equal({
        server: 'https://api.example:6443',
        tls: { ca: 'CA', cert: 'CERT', key: 'KEY', serverName: 'kubernetes' },
        namespace: 'n',
      });
    });

    it('takes tokens and passwords', async () => {
      await write('t', 'from-file\n');
      expect((await read({ token: 'abc' })).authorization).to.equal('Bearer abc');
      expect((await read({ tokenFile: 't' })).authorization).to.equal('Bearer from-file');
      expect((await read({ username: 'me', password: 'pw' })).authorization).to.equal(`Basic ${base64('me:pw')}`);
      expect(await read(null)).to.not.have.property('authorization');
    });

    it('says what is wrong with the file', async () => {
      expect((await failure(read({ exec: { command: 'aws' } }))).message).to.contain('credential plug-in (exec)');
      expect((await failure(read({ token: 'a', as: 'somebody' }))).message).to.contain('as is not supported');
      expect((await failure(read({ 'as-groups': ['view'] }))).message).to.contain('as-groups is not supported');
      expect((await failure(read({}, { 'proxy-url': 'http://a' }))).message).to.contain('proxy-url is not supported');
      expect((await failure(read({}, {}, 'elsewhere'))).message).to.contain('has no context "elsewhere"');
      expect((await failure(createKubeconfigConnection({ path: join(directory, 'none') }).read())).message).to.contain(
        'cannot read kubeconfig',
      );
      await write('scalar', 'just text');
      expect(
        (await failure(createKubeconfigConnection({ path: join(directory, 'scalar') }).read())).message,
      ).to.contain('is no mapping');
    });
  });
});
