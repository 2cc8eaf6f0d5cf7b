import { expect } from 'chai';
import { KubeError, resources } from '#kube/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { Child } from '../render/child.ts';
import { ApplyFailures } from './apply-failures.ts';

const child = (name: string, component: Child['component'] = 'Pilot'): Child => ({
  component,
  resource: resources.services,
  object: { metadata: { name, namespace: 'ns', labels: {} } },
});
const unavailable = new KubeError('unavailable', 'try later', { httpStatus: 500 });
const invalid = new KubeError('invalid', 'no such port', { httpStatus: 422 });

async function collect(errors: readonly KubeError[]): Promise<ApplyFailures> {
  const failures = new ApplyFailures();
  for (const [index, error] of errors.entries())
    await failures.attempt(child(`s${index}`), () => Promise.reject(error));
  return failures;
}

describe('children that cannot be applied', () => {
  it('are told together, the first few by name, as the kind of failure that needs hands', async () => {
    const failures = await collect([unavailable, invalid, unavailable, unavailable, unavailable]);
    expect(() => failures.throwIfAny([]))
      .to.throw(
        LateenError,
        'Service ns/s0: try later; Service ns/s1: no such port; Service ns/s2: try later; and 2 more',
      )
      .with.property('code', 'invalid');
  });

  it('do not hide what others claim', async () => {
    const failures = await collect([unavailable]);
    expect(() => failures.throwIfAny(['Service ns/x: .spec.ports']))
      .to.throw(LateenError, 'Service ns/s0: try later; claimed by others: Service ns/x: .spec.ports')
      .with.property('code', 'unavailable');
  });

  it('count for their component', async () => {
    const failures = await collect([unavailable]);
    expect(failures.concern('Base', 'Pilot')).to.equal(true);
    expect(failures.concern('IngressGateways')).to.equal(false);
  });

  it('are no failure when there are none', async () => {
    const failures = await collect([]);
    await failures.attempt(child('fine'), async () => undefined);
    failures.throwIfAny(['Service ns/x: .spec.ports']);
    expect(failures.concern('Pilot')).to.equal(false);
  });

  const ends: readonly (readonly [what: string, error: Error])[] = [
    ['no answer', new KubeError('unavailable', 'refused')],
    ['too many requests', new KubeError('unavailable', 'slow down', { httpStatus: 429 })],
    ['a lost leadership', new KubeError('aborted', 'no longer allowed to write')],
    ['a bug', new TypeError('x is undefined')],
  ];
  for (const [what, error] of ends) {
    it(`are not sought any further at ${what}`, async () => {
      const failures = new ApplyFailures();
      const caught = await failures.attempt(child('s'), () => Promise.reject(error)).catch((thrown: unknown) => thrown);
      expect(caught).to.equal(error);
    });
  }
});
