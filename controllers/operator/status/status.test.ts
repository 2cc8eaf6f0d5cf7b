import { expect } from 'chai';
import fc from 'fast-check';
import type { IstioOperatorStatus } from '#api/index.ts';
import { findStatusFaults, judgeLikeArgo, judgeLikeKstatus } from '#test/support/health-rules.ts';
import type { ComponentHealth, Outcome, WebhookState } from './facts.ts';
import { buildStatus } from './status.ts';

const build = (outcome: Outcome, previous?: IstioOperatorStatus, generation = 2, now = '2026-01-01T00:00:00Z') =>
  buildStatus({ previous, generation, version: '1', outcome, now });

const applied = (changes: Partial<Extract<Outcome, { kind: 'applied' }>> = {}): Outcome => ({
  kind: 'applied',
  components: [{ component: 'Pilot', state: 'ready', message: '' }],
  webhooks: { kind: 'ready' },
  notHonoured: [],
  contested: [],
  ...changes,
});

const pilot = (state: ComponentHealth['state'], message = 'why'): readonly ComponentHealth[] => [
  { component: 'Pilot', state, message },
];
const problem = [{ path: 'spec.profile', message: 'there is none' }];

describe('the status of an IstioOperator', () => {
  const table: readonly (readonly [what: string, outcome: Outcome, argo: string, kstatus: string])[] = [
    ['work begins', { kind: 'begun' }, 'Progressing', 'InProgress'],
    ['it is invalid', { kind: 'refused', reason: 'Invalid', problems: problem }, 'Degraded', 'Failed'],
    ['its revision is taken', { kind: 'refused', reason: 'RevisionConflict', problems: problem }, 'Degraded', 'Failed'],
    [
      'something fails and is tried again',
      { kind: 'failed', reason: 'ApplyFailed', message: 'x', permanent: false },
      'Progressing',
      'InProgress',
    ],
    [
      'something fails for good',
      { kind: 'failed', reason: 'Forbidden', message: 'x', permanent: true },
      'Degraded',
      'Failed',
    ],
    ['everything works', applied(), 'Healthy', 'Current'],
    ['nothing is to be installed', applied({ components: [], webhooks: { kind: 'off' } }), 'Healthy', 'Current'],
    ['values have no effect', applied({ notHonoured: ['spec.x'] }), 'Healthy', 'Current'],
    ['pods are waited for', applied({ components: pilot('progressing') }), 'Progressing', 'InProgress'],
    ['a component failed', applied({ components: pilot('failed') }), 'Degraded', 'Failed'],
    ['webhooks are waited for', applied({ webhooks: { kind: 'waiting', message: 'x' } }), 'Progressing', 'InProgress'],
    ['somebody claims a field', applied({ contested: ['Service x'] }), 'Degraded', 'Failed'],
  ];
  for (const [what, outcome, argo, kstatus] of table) {
    it(`${what}: ${argo}, ${kstatus}`, () => {
      const object = { metadata: { generation: 2 }, status: build(outcome) };
      expect([judgeLikeArgo(object), judgeLikeKstatus(object)]).to.deep.equal([argo, kstatus]);
      expect(findStatusFaults(object)).to.deep.equal([]);
    });
  }

  const text = fc.string({ maxLength: 5 });
  const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
    fc.constant<Outcome>({ kind: 'begun' }),
    fc.constant<Outcome>({ kind: 'paused' }),
    fc.record({
      kind: fc.constant('refused' as const),
      reason: fc.constantFrom('Invalid' as const, 'RevisionConflict' as const),
      problems: fc.array(fc.record({ path: text, message: text })),
    }),
    fc.record({ kind: fc.constant('failed' as const), reason: text, message: text, permanent: fc.boolean() }),
    fc.record({
      kind: fc.constant('applied' as const),
      components: fc.array(
        fc.record({
          component: fc.constantFrom('Pilot' as const, 'IngressGateways' as const),
          state: fc.constantFrom('ready' as const, 'progressing' as const, 'failed' as const),
          message: text,
        }),
      ),
      webhooks: fc.oneof(
        fc.constant<WebhookState>({ kind: 'ready' }),
        fc.constant<WebhookState>({ kind: 'off' }),
        fc.constant<WebhookState>({ kind: 'waiting', message: 'x' }),
      ),
      notHonoured: fc.array(text),
      contested: fc.array(text),
    }),
  );

  it('is well-behaved whatever happens, in whatever order, and stable when nothing does', () => {
    fc.assert(
      fc.property(fc.array(outcomes, { minLength: 1, maxLength: 6 }), (history) => {
        let status: IstioOperatorStatus | undefined;
        for (const [generation, outcome] of history.entries()) {
          status = build(outcome, status, generation, `2026-01-01T00:00:0${generation}Z`);
          const faults = findStatusFaults({ metadata: { generation }, status });
          expect(faults).to.deep.equal([]);
          expect(new Set(status.conditions?.map(({ type }) => type)).size).to.equal(status.conditions?.length);
          expect(build(outcome, status, generation, '2027-01-01T00:00:00Z')).to.deep.equal(status);
        }
      }),
    );
  });

  it('keeps the time of a condition until its status changes', () => {
    const first = build(applied(), undefined, 1, '2026-01-01T00:00:00Z');
    const later = build(applied({ notHonoured: ['spec.x'] }), first, 2, '2026-01-02T00:00:00Z');
    const times = (status: IstioOperatorStatus) =>
      Object.fromEntries((status.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]));
    expect(times(later)).to.deep.equal({ ...times(first), Honoured: '2026-01-02T00:00:00Z' });
  });

  it('keeps what is known of the components while a new version is refused', () => {
    const healthy = build(applied(), undefined, 1);
    const refused = build({ kind: 'refused', reason: 'Invalid', problems: problem }, healthy, 2);
    expect(refused.componentStatus).to.deep.equal(healthy.componentStatus);
    expect(refused.message).to.equal('spec.profile: there is none. What runs is left alone.');
  });
});
