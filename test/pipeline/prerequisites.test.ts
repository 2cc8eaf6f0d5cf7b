/** What somebody sees whose machine lacks something: one line saying what to do, exit code 1, and nothing left behind. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeKubeconfig } from '#test/support/kubeconfig.ts';

const root = join(import.meta.dirname, '../..');
const commands = ['hack/demo.ts', 'hack/test/index.ts'];

interface Ending {
  readonly code: unknown;
  readonly lines: readonly string[];
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ending> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, env, timeout: 30_000 }, (error, _, stderr) => {
      resolve({ code: error === null ? 0 : error.code, lines: stderr.trim().split('\n') });
    });
  });
}

describe('a machine that lacks something', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-lacking-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  for (const command of commands) {
    it(`tells ${command} that Go is missing`, async () => {
      const programs = join(folder, 'bin');
      await symlink('/usr/sbin', programs);
      const cache = join(folder, 'cache');
      const { code, lines } = await run(process.execPath, [command], { PATH: programs, LATEEN_CACHE: cache });
      expect(code).to.equal(1);
      expect(lines).to.have.lengthOf(1);
      expect(lines[0]).to.match(/^lateen: Go is missing: install Go .* and put it on PATH/);
      expect(await readdir(folder)).to.deep.equal(['bin']);
    });

    it(`tells ${command} that it must be root`, async () => {
      const cache = join(folder, 'cache');
      // In a user namespace without mappings root is nobody, and still reads its own files wherever the checkout lies.
      const stranger = ['--user', process.execPath, command];
      const { code, lines } = await run('unshare', stranger, { ...process.env, HOME: folder, LATEEN_CACHE: cache });
      expect(code).to.equal(1);
      expect(lines).to.deep.equal([
        'lateen: the local cluster makes network namespaces and containers: run this as root (sudo)',
      ]);
      // Go keeps notes in the home folder whenever it is asked for its version; ours would be the cache.
      expect(await readdir(folder)).to.not.include('cache');
    });
  }

  it('tells istiod which of its ports somebody else has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const kubeconfig = join(folder, 'kubeconfig');
    await writeKubeconfig(kubeconfig, 'http://127.0.0.1:1');
    try {
      const flags = [
        '--kubeconfig',
        kubeconfig,
        '--http-addr',
        `127.0.0.1:${port}`,
        '--monitoring-addr',
        '127.0.0.1:0',
      ];
      const { code, lines } = await run(process.execPath, ['cmd/lateen.ts', 'discovery', ...flags], process.env);
      expect(code).to.equal(1);
      expect(lines).to.deep.equal([`lateen: http: 127.0.0.1:${port} is in use by another process`]);
    } finally {
      other.close();
    }
  });
});
