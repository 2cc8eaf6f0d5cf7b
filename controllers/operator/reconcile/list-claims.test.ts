import { expect } from 'chai';
import type { ChildObject } from '../render/child.ts';
import { findListClaims } from './list-claims.ts';

const service: ChildObject = {
  metadata: { name: 'istiod', namespace: 'istio-system', labels: {} },
  spec: { selector: { app: 'istiod' }, ports: [{ name: 'https-dns', port: 15012 }] },
};
const ports = (element: string) => ({ 'f:spec': { 'f:ports': { [element]: { '.': {}, 'f:name': {} } } } });
const port = 'k:{"port":15999,"protocol":"TCP"}';
const find = (...managedFields: readonly object[]) =>
  findListClaims(service, managedFields, (manager) => manager === 'us');

describe('lists of which somebody else applied elements', () => {
  const entry = { manager: 'somebody', operation: 'Apply', fieldsV1: ports(port) };

  it('are found with everybody who did, by key, by value or by index', () => {
    const others = [
      { manager: 'another', operation: 'Apply', fieldsV1: ports('v:"x"') },
      { manager: 'a third', operation: 'Apply', fieldsV1: ports('i:0') },
    ];
    expect(find(entry, ...others)).to.deep.equal([
      { path: 'spec.ports', managers: ['a third', 'another', 'somebody'] },
    ]);
  });

  const unclaimed: readonly (readonly [what: string, entry: object])[] = [
    ['we applied', { ...entry, manager: 'us' }],
    ['somebody edited by hand', { ...entry, operation: 'Update' }],
    ['somebody applied to a subresource', { ...entry, subresource: 'status' }],
    ['somebody applied as a whole, in agreement with us', { ...entry, fieldsV1: { 'f:spec': { 'f:ports': {} } } }],
    ['we do not set', { ...entry, fieldsV1: { 'f:spec': { 'f:externalIPs': { 'v:"192.0.2.1"': {} } } } }],
    ['are maps', { ...entry, fieldsV1: { 'f:spec': { 'f:selector': { 'f:app': {} } } } }],
    ['have no fields', { manager: 'somebody', operation: 'Apply' }],
  ];
  for (const [what, other] of unclaimed) {
    it(`are not those that ${what}`, () => {
      expect(find(other)).to.deep.equal([]);
    });
  }

  it('are none where nobody is known to have written', () => {
    expect(findListClaims(service, undefined, () => false)).to.deep.equal([]);
  });
});
