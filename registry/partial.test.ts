import { expect } from 'chai';
import type { KubeObject } from '#kube/index.ts';
import { isPartial } from './partial.ts';
import type { ObjectKind } from './writer.ts';

const known = (...names: string[]) => ({
  has: (_kind: ObjectKind, { name }: { readonly name: string }) => names.includes(name),
});

function service(name: string, spec: object) {
  return { type: 'set' as const, object: { metadata: { name, namespace: 'a' }, spec } as KubeObject };
}

const changes = (...all: readonly { readonly type: 'set' | 'delete'; readonly object: KubeObject }[]) => ({
  type: 'changes' as const,
  changes: all,
});

describe('half of a Service', () => {
  const selecting = { selector: { app: 'one' } };

  it('is a new one that selects pods, as its endpoints are about to come', () => {
    expect(isPartial(known(), 'Service', changes(service('one', selecting)))).to.equal(true);
  });

  it('is not one that was there, or has no endpoints to wait for', () => {
    expect(isPartial(known('one'), 'Service', changes(service('one', selecting)))).to.equal(false);
    expect(isPartial(known(), 'Service', changes(service('one', {})))).to.equal(false);
    const external = { type: 'ExternalName', externalName: 'example.com', selector: { app: 'one' } };
    expect(isPartial(known(), 'Service', changes(service('one', external)))).to.equal(false);
  });

  it('is not a batch that has something whole in it, nor a list', () => {
    const batch = changes(service('one', selecting), service('two', selecting));
    expect(isPartial(known('two'), 'Service', batch)).to.equal(false);
    expect(isPartial(known(), 'Service', { type: 'replace', objects: [] })).to.equal(false);
  });

  it('is slices that go, as their Service is about to; a Service that goes is whole', () => {
    const slice = { metadata: { name: 'one-x', namespace: 'a' } } as KubeObject;
    expect(isPartial(known('one-x'), 'EndpointSlice', changes({ type: 'delete', object: slice }))).to.equal(true);
    expect(isPartial(known('one-x'), 'EndpointSlice', changes({ type: 'set', object: slice }))).to.equal(false);
    expect(isPartial(known('one'), 'Service', changes({ type: 'delete', object: slice }))).to.equal(false);
  });
});
