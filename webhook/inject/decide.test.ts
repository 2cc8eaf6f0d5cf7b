import { expect } from 'chai';
import { type DecisionInput, isSelected, matchesSelector, resolveSkipReason } from './decide.ts';

type Row = [
  namespaceLabels: Record<string, string>,
  podLabels: Record<string, string>,
  byDefault: boolean,
  byCanary: boolean,
];

const enabled = { 'istio-injection': 'enabled' };
const disabled = { 'istio-injection': 'disabled' };
const canary = { 'istio.io/rev': 'canary' };
const stable = { 'istio.io/rev': 'default' };
const yes = { 'sidecar.istio.io/inject': 'true' };
const no = { 'sidecar.istio.io/inject': 'false' };

/** Source: Istio's page "Installing the Sidecar" and the selectors of its webhook configurations. */
const table: Row[] = [
  [{}, {}, false, false],
  [{}, yes, true, false],
  [{}, no, false, false],
  [{}, canary, false, true],
  [{}, { ...canary, ...yes }, false, true],
  [{}, { ...canary, ...no }, false, false],
  [{}, stable, true, false],
  [enabled, {}, true, false],
  [enabled, yes, true, false],
  [enabled, no, false, false],
  [enabled, canary, true, false],
  [disabled, {}, false, false],
  [disabled, yes, false, false],
  [disabled, canary, false, false],
  [canary, {}, false, true],
  [canary, yes, false, true],
  [canary, no, false, false],
  [canary, stable, false, true],
  [stable, {}, true, false],
  [{ ...enabled, ...canary }, {}, true, false],
  [{ ...disabled, ...canary }, yes, false, false],
];

describe('isSelected', () => {
  for (const [namespaceLabels, podLabels, byDefault, byCanary] of table) {
    it(`namespace ${JSON.stringify(namespaceLabels)}, pod ${JSON.stringify(podLabels)}`, () => {
      const by = (revision: string) =>
        isSelected({ namespaceLabels, podLabels, revision, enableNamespacesByDefault: false });
      expect([by('default'), by('canary')]).to.deep.equal([byDefault, byCanary]);
    });
  }

  it('takes unlabelled namespaces by default when told so', () => {
    const by = (podLabels: Record<string, string>, revision = 'default') =>
      isSelected({ namespaceLabels: {}, podLabels, revision, enableNamespacesByDefault: true });
    expect(by({})).to.equal(true);
    expect(by(no)).to.equal(false);
    expect(by({}, 'canary')).to.equal(false);
  });
});

describe('resolveSkipReason', () => {
  const base: DecisionInput = {
    namespace: 'default',
    hostNetwork: false,
    podLabels: {},
    podAnnotations: {},
    policy: 'enabled',
    neverInject: [],
    alwaysInject: [],
  };
  const never = [{ matchLabels: { job: 'batch' } }];
  const always = [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['a'] }] }];
  const rows: [string, Partial<DecisionInput>, boolean][] = [
    ['a plain pod', {}, true],
    ['a pod on the host network', { hostNetwork: true, podLabels: yes }, false],
    ['a system namespace', { namespace: 'kube-system', podLabels: yes }, false],
    ['policy disabled', { policy: 'disabled' }, false],
    ['policy disabled, asked by label', { policy: 'disabled', podLabels: yes }, true],
    ['policy disabled, asked by annotation', { policy: 'disabled', podAnnotations: yes }, true],
    ['policy off', { policy: 'off', podLabels: yes }, false],
    ['label no over annotation yes', { podLabels: no, podAnnotations: yes }, false],
    ['label yes over annotation no', { podLabels: yes, podAnnotations: no }, true],
    ['annotation no', { podAnnotations: no }, false],
    ['another word', { podLabels: { 'sidecar.istio.io/inject': 'yes' } }, false],
    ['neverInjectSelector', { neverInject: never, podLabels: { job: 'batch' } }, false],
    ['neverInjectSelector, asked by label', { neverInject: never, podLabels: { job: 'batch', ...yes } }, true],
    ['alwaysInjectSelector', { policy: 'disabled', alwaysInject: always, podLabels: { app: 'a' } }, true],
    ['never before always', { neverInject: never, alwaysInject: always, podLabels: { app: 'a', job: 'batch' } }, false],
  ];
  for (const [what, change, injected] of rows) {
    it(`${injected ? 'injects' : 'skips'}: ${what}`, () => {
      expect(resolveSkipReason({ ...base, ...change }) === undefined).to.equal(injected);
    });
  }
});

describe('matchesSelector', () => {
  it('knows the four operators and selects nothing when empty', () => {
    const one = (operator: string, values?: string[]) =>
      ['a', 'b', undefined].map((app) =>
        matchesSelector(
          { matchExpressions: [{ key: 'app', operator, ...(values ? { values } : {}) }] },
          app === undefined ? {} : { app },
        ),
      );
    expect(one('In', ['a'])).to.deep.equal([true, false, false]);
    expect(one('NotIn', ['a'])).to.deep.equal([false, true, true]);
    expect(one('Exists')).to.deep.equal([true, true, false]);
    expect(one('DoesNotExist')).to.deep.equal([false, false, true]);
    expect(one('Near')).to.deep.equal([false, false, false]);
    expect(matchesSelector({}, { app: 'a' })).to.equal(false);
  });
});
