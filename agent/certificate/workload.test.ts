import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import { createLogger } from '../log.ts';
import { buildCsr, generateKey } from './csr.ts';
import { type IssuedCertificate, parseIssued, resolveRenewal } from './issued.ts';
import { privateAccess, writeOutput } from './output.ts';
import { TrustBundle } from './trust.ts';
import { WorkloadCertificate } from './workload.ts';

const uri = 'spiffe://cluster.local/ns/demo/sa/web';
const day = 24 * 3600 * 1000;

/** A certificate authority made of openssl in a folder. */
class TestAuthority {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
    this.run(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/O=test',
      '-days',
      '3650',
    );
  }
  run(...args: string[]): string {
    return execFileSync('openssl', args, { cwd: this.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
  get root(): string {
    return this.run('x509', '-in', 'ca.pem');
  }
  async sign(csr: string, days: number): Promise<readonly string[]> {
    await writeFile(join(this.folder, 'request.pem'), csr);
    return [
      this.run(
        'x509',
        '-req',
        '-in',
        'request.pem',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-days',
        String(days),
        '-copy_extensions',
        'copyall',
      ),
      this.root,
    ];
  }
}

/** Time that passes only in sleeps, and what was logged. */
function fakeTime() {
  let now = Date.now();
  const sleeps: number[] = [];
  const lines: string[] = [];
  const clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (signal?.aborted) throw signal.reason;
      sleeps.push(ms);
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const log = createLogger({ level: 'debug', json: false, clock, write: (line) => lines.push(line) });
  return { clock, sleeps, lines, log };
}

describe('the workload’s certificate', function () {
  // openssl is a process of its own each time.
  this.timeout(30_000);
  let folder: string;
  let authority: TestAuthority;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-ca-'));
    await writeFile(join(folder, 'token'), 'a token\n');
    authority = new TestAuthority(folder);
  });

  after(() => rm(folder, { recursive: true }));

  /** Runs until `enough` says so; the answers of the authority are given by `request`. */
  async function run(
    request: (csr: string, attempt: number) => Promise<readonly string[]>,
    enough: (issued: readonly IssuedCertificate[], failures: number) => boolean,
    more: { readonly tokenPath?: string; readonly heldPath?: string } = {},
  ) {
    const time = fakeTime();
    const end = new AbortController();
    const issued: IssuedCertificate[] = [];
    const tokens: (string | undefined)[] = [];
    const renewed: (string | undefined)[] = [];
    let failures = 0;
    let attempt = 0;
    const check = () => {
      if (enough(issued, failures)) end.abort();
    };
    await new WorkloadCertificate({
      uri,
      request: async ({ csr, token, certificate }) => {
        tokens.push(token);
        renewed.push(certificate?.chain);
        return await request(csr, attempt++);
      },
      readRoots: async () => authority.root,
      tokenPath: join(folder, 'token'),
      grace: { ratio: 0.5, spread: 0 },
      clock: time.clock,
      random: () => 1,
      log: time.log,
      ...more,
      onIssued: (certificate) => {
        issued.push(certificate);
        check();
      },
      onFailure: () => {
        failures++;
        check();
      },
    }).run(end.signal);
    return { issued, tokens, renewed, ...time };
  }

  it('is renewed at half life with a new key, in sleeps that a timer can hold', async () => {
    const { issued, sleeps, tokens } = await run(
      (csr) => authority.sign(csr, 90),
      (certificates) => certificates.length === 2,
    );
    const slept = sleeps.reduce((sum, ms) => sum + ms, 0);
    expect(slept / day).to.be.closeTo(45, 0.01);
    expect(Math.max(...sleeps)).to.be.at.most(3600_000);
    expect(issued[0]?.privateKey).not.to.equal(issued[1]?.privateKey);
    expect(issued[0]?.chain.match(/BEGIN CERTIFICATE/g), 'the root is not part of the chain').to.have.length(1);
    expect(issued[0]?.root).to.equal(new X509Certificate(authority.root).toString());
    expect(tokens).to.deep.equal(['a token', 'a token']);
  });

  it('is renewed by the last one where the token’s time is over, also after a restart', async () => {
    const expiry = Math.floor((Date.now() + day) / 1000);
    const token = `e30.${Buffer.from(JSON.stringify({ exp: expiry })).toString('base64url')}.c2ln`;
    await writeFile(join(folder, 'brief'), token);
    const paths = { tokenPath: join(folder, 'brief'), heldPath: join(folder, 'certs') };
    const sign = (csr: string) => authority.sign(csr, 90);
    const first = await run(sign, (certificates) => certificates.length === 2, paths);
    expect(first.tokens).to.deep.equal([token, undefined]);
    expect(first.renewed).to.deep.equal([undefined, first.issued[0]?.chain]);
    const [, last] = first.issued;
    if (last !== undefined) await writeOutput(paths.heldPath, last, privateAccess);
    await rm(paths.tokenPath);
    const second = await run(sign, (certificates) => certificates.length === 1, paths);
    expect([second.tokens, second.renewed]).to.deep.equal([[undefined], [last?.chain]]);
    const nothing = await run(sign, (_issued, failures) => failures === 1, { tokenPath: join(folder, 'nowhere') });
    expect(nothing.lines.join('')).to.contain('holds no valid token, and there is no certificate to renew');
  });

  it('is asked for again after a failure, each time later, and no secret is logged', async () => {
    const { sleeps, lines } = await run(
      () => Promise.reject(new LateenError('forbidden', 'not with this token')),
      (_issued, failures) => failures === 9,
    );
    expect(sleeps).to.deep.equal([200, 400, 800, 1600, 3200, 6400, 10000, 10000]);
    expect(lines.join('')).to.contain('not with this token').and.not.to.contain('a token');
  });

  it('is asked for at least every two seconds while nobody answers', async () => {
    const { sleeps } = await run(
      () => Promise.reject(new LateenError('unavailable', 'connection refused')),
      (_issued, failures) => failures === 6,
    );
    expect(sleeps).to.deep.equal([200, 400, 800, 1600, 2000]);
  });

  it('is not taken when it is for another key, another identity, or for nobody', async () => {
    const key = await generateKey();
    const other = await generateKey();
    const sign = (subject: typeof key, id: string) => authority.sign(buildCsr(subject, id), 1);
    const problem = (chain: readonly string[], now = Date.now()) => {
      try {
        parseIssued(chain, key, uri, now);
        return '';
      } catch (error) {
        return LateenError.from(error).message;
      }
    };
    expect(problem(await sign(key, uri))).to.equal('');
    expect(problem(await sign(other, uri))).to.contain('another key');
    expect(problem(await sign(key, 'spiffe://cluster.local/ns/demo/sa/admin'))).to.contain('sa/admin');
    expect(problem(await sign(key, uri), Date.now() + 2 * day)).to.contain('expired');
    expect(problem([])).to.contain('no certificate');
    expect(problem(['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])).to.contain('does not parse');
  });

  it('spreads renewals around the ratio', () => {
    const life = { notBefore: 0, notAfter: 1000 };
    expect(resolveRenewal(life, { ratio: 0.5, spread: 0.1 }, 0)).to.equal(500);
    expect(resolveRenewal(life, { ratio: 0.5, spread: 0.1 }, 1)).to.equal(400);
    expect(resolveRenewal(life, { ratio: 0.5, spread: 0.1 }, -1)).to.equal(600);
    expect(resolveRenewal(life, { ratio: 1, spread: 0.5 }, 1)).to.equal(0);
  });

  it('trusts the file’s roots and those the authority named, and keeps the last good file', async () => {
    const path = join(folder, 'roots.pem');
    const second = new TestAuthority(await mkdtemp(join(folder, 'second-')));
    const { clock, log, lines } = fakeTime();
    const bundles: string[] = [];
    let files = 0;
    const trust = new TrustBundle({
      path,
      interval: 1000,
      clock,
      log,
      onChange: (bundle) => bundles.push(bundle),
      onFile: () => {
        files++;
      },
    });
    await trust.refresh();
    expect(trust.bundle).to.equal('');
    await writeFile(path, `some text\n${authority.root}`);
    await trust.refresh();
    await trust.refresh();
    expect(bundles).to.have.length(1);
    trust.setNamed(second.root);
    expect(trust.bundle.match(/BEGIN/g)).to.have.length(2);
    expect([trust.holds(authority.root), trust.holds(second.root)]).to.deep.equal([true, false]);
    expect(files).to.equal(1);
    await writeFile(path, 'half a certifi');
    await trust.refresh();
    await trust.refresh();
    expect(trust.holds(authority.root)).to.equal(true);
    expect(lines.filter((line) => line.includes('the file holds no certificate'))).to.have.length(1);
  });
});
