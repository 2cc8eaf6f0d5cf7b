import { expect } from 'chai';
import { isOlder } from './istio-operator.ts';

const made = (name: string, creationTimestamp: string, uid: string) => ({
  metadata: { namespace: 'istio-system', name, creationTimestamp, uid },
});

describe('who keeps a revision', () => {
  it('is the older, whatever its name', () => {
    const older = made('mesh', '2026-01-01T00:00:00Z', 'b');
    const younger = made('canary', '2026-01-01T00:00:01Z', 'a');
    expect([isOlder(older, younger), isOlder(younger, older)]).to.deep.equal([true, false]);
  });

  it('is decided by name, never by uid, within one second', () => {
    const first = made('mesh', '2026-01-01T00:00:00Z', 'b');
    const second = made('young', '2026-01-01T00:00:00Z', 'a');
    expect([isOlder(first, second), isOlder(second, first)]).to.deep.equal([true, false]);
  });
});
