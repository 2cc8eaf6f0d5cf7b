import { expect } from 'chai';
import { FakeClock } from '#runtime/core/testing.ts';
import { SecretPermissions } from './secrets.ts';

const gateway = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'gateway' };
const fail = (error: unknown) => {
  throw error;
};

describe('permissions to read secrets', () => {
  const { signal } = new AbortController();
  let clock: FakeClock;
  let permissions: SecretPermissions;
  let answer: () => Promise<boolean>;
  let asked: number;

  beforeEach(() => {
    clock = new FakeClock();
    answer = () => Promise.resolve(true);
    asked = 0;
    const mayReadSecrets = () => {
      asked += 1;
      return answer();
    };
    permissions = new SecretPermissions({ mayReadSecrets }, clock);
  });

  it('are refused until the API server has answered, and asked for again after a while', async () => {
    expect(permissions.allows(gateway)).to.equal(false);
    expect(await permissions.refresh([gateway], signal, fail)).to.equal(true);
    expect(await permissions.refresh([gateway], signal, fail)).to.equal(false);
    expect([permissions.allows(gateway), asked]).to.deep.equal([true, 1]);
    await clock.advance(60_000);
    answer = () => Promise.resolve(false);
    expect(await permissions.refresh([gateway], signal, fail)).to.equal(true);
    expect([permissions.allows(gateway), asked]).to.deep.equal([false, 2]);
  });

  it('stay as they are while the API server cannot be asked', async () => {
    await permissions.refresh([gateway], signal, fail);
    await clock.advance(60_000);
    answer = () => Promise.reject(new Error('unreachable'));
    const faults: unknown[] = [];
    expect(await permissions.refresh([gateway], signal, (error) => faults.push(error))).to.equal(false);
    expect([permissions.allows(gateway), faults.length]).to.deep.equal([true, 1]);
  });

  it('do not outlast the need for them: who comes back later is asked about anew', async () => {
    await permissions.refresh([gateway], signal, fail);
    await permissions.refresh([], signal, fail);
    expect(permissions.allows(gateway), 'for one that comes back at once').to.equal(true);
    await clock.advance(60_000);
    await permissions.refresh([], signal, fail);
    expect(permissions.allows(gateway)).to.equal(false);
    answer = () => Promise.resolve(false);
    await permissions.refresh([gateway], signal, fail);
    expect(permissions.allows(gateway)).to.equal(false);
  });
});
