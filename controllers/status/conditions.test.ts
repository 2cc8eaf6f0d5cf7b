import { expect } from 'chai';
import { type ConditionFacts, planConditions, type StatusCondition } from './conditions.ts';

const valid: ConditionFacts = {
  generation: 2,
  honoured: true,
  errors: [],
  warnings: [],
  lastValidInForce: false,
  references: { unresolved: [], invalid: [], expired: [], early: [] },
  conflicts: [],
};
const at = '2026-01-01T00:00:00Z';
const later = '2026-01-01T00:00:09Z';

function verdicts(conditions: readonly StatusCondition[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (conditions ?? []).map((condition) => [condition.type, `${condition.status}/${condition.reason}`]),
  );
}

describe('status conditions', () => {
  it('are Pending until a replica has translated the generation, then Programmed when all have acknowledged', () => {
    const pending = planConditions(valid, [], at);
    expect(verdicts(pending)).to.deep.equal({
      Accepted: 'True/Accepted',
      ResolvedRefs: 'True/ResolvedRefs',
      Programmed: 'False/Pending',
    });
    const half = planConditions(
      { ...valid, delivery: { affected: 2, acknowledged: 1, waitingFor: [] } },
      pending ?? [],
      later,
    );
    expect(half, 'still Pending: no write').to.equal(undefined);
    const done = planConditions(
      { ...valid, delivery: { affected: 2, acknowledged: 2, waitingFor: [] } },
      pending ?? [],
      later,
    );
    expect(verdicts(done).Programmed).to.equal('True/Programmed');
    expect(done?.find((condition) => condition.type === 'Programmed')?.lastTransitionTime).to.equal(later);
    expect(
      done?.find((condition) => condition.type === 'Accepted')?.lastTransitionTime,
      'unchanged status keeps its time',
    ).to.equal(at);
  });

  it('do not change when proxies come and go', () => {
    const done = planConditions({ ...valid, delivery: { affected: 2, acknowledged: 2, waitingFor: [] } }, [], at) ?? [];
    expect(
      planConditions({ ...valid, delivery: { affected: 3, acknowledged: 2, waitingFor: [] } }, done, later),
    ).to.equal(undefined);
    expect(
      planConditions({ ...valid, delivery: { affected: 0, acknowledged: 0, waitingFor: [] } }, done, later),
    ).to.equal(undefined);
  });

  it('start again at a new generation', () => {
    const done = planConditions({ ...valid, delivery: { affected: 2, acknowledged: 2, waitingFor: [] } }, [], at) ?? [];
    const next = planConditions(
      { ...valid, generation: 3, delivery: { affected: 2, acknowledged: 0, waitingFor: [] } },
      done,
      later,
    );
    expect(verdicts(next).Programmed).to.equal('False/Pending');
    expect(next?.every((condition) => condition.observedGeneration === 3)).to.equal(true);
  });

  it("carry Envoy's own words when a proxy refuses", () => {
    const refused = planConditions(
      {
        ...valid,
        delivery: {
          affected: 2,
          acknowledged: 1,
          waitingFor: [],
          rejection: { proxy: 'web-1.shop', message: 'Proto constraint validation failed' },
        },
      },
      [],
      at,
    );
    const programmed = refused?.find((condition) => condition.type === 'Programmed');
    expect(programmed?.reason).to.equal('EnvoyRejected');
    expect(programmed?.message).to.equal('web-1.shop refused it: Proto constraint validation failed');
  });

  it('name the path of an invalid version and say what stays in force', () => {
    const invalid = planConditions(
      {
        ...valid,
        errors: [{ path: 'spec.hosts', message: 'at least one host is needed', severity: 'error' }],
        lastValidInForce: true,
      },
      [],
      at,
    );
    const accepted = invalid?.find((condition) => condition.type === 'Accepted');
    expect(accepted).to.include({
      status: 'False',
      reason: 'Invalid',
      message: 'spec.hosts: at least one host is needed (the last valid version stays in force)',
    });
    expect(verdicts(invalid).Programmed).to.equal('False/Invalid');
  });

  it('say what holds in the place of an invalid version that nothing earlier stands in for', () => {
    const invalid = { ...valid, errors: [{ path: 'spec.mtls', message: 'why', severity: 'error' } as const] };
    const accepted = (facts: ConditionFacts) => planConditions(facts, [], at)?.find(({ type }) => type === 'Accepted');
    expect(accepted(invalid)?.message).to.equal('spec.mtls: why (it is not in force)');
    expect(accepted({ ...invalid, meanwhile: 'nobody comes in' })?.message).to.equal(
      'spec.mtls: why (nobody comes in)',
    );
  });

  it('tell a reference that leads nowhere from one to what cannot be used, and an expired certificate from both', () => {
    const of = (path: string) => [{ path, message: 'why', severity: 'warning' }] as const;
    const refs = (references: Partial<NonNullable<ConditionFacts['references']>>) => {
      const none = { unresolved: [], invalid: [], expired: [], early: [] };
      const planned = planConditions({ ...valid, references: { ...none, ...references } }, [], at);
      const found = planned?.find(({ type }) => type === 'ResolvedRefs');
      return `${found?.status} ${found?.reason} ${found?.message}`;
    };
    expect(refs({})).to.equal('True ResolvedRefs every reference resolves');
    expect(refs({ expired: of('c') })).to.equal('True CertificateExpired c: why');
    expect(refs({ early: of('d') })).to.equal('True CertificateNotYetValid d: why');
    expect(refs({ expired: of('c'), early: of('d') })).to.equal('True CertificateExpired c: why; d: why');
    expect(refs({ invalid: of('b'), expired: of('c') })).to.equal('False InvalidRef b: why; c: why');
    expect(refs({ unresolved: of('a'), invalid: of('b') })).to.equal('False RefNotFound a: why; b: why');
  });

  it('say so when nothing acts upon the kind', () => {
    expect(verdicts(planConditions({ ...valid, honoured: false }, [], at))).to.include({
      Accepted: 'True/NotHonoured',
      Programmed: 'False/NotHonoured',
    });
  });

  it('keep the entries of another revision apart', () => {
    const stable =
      planConditions({ ...valid, delivery: { affected: 1, acknowledged: 1, waitingFor: [] } }, [], at) ?? [];
    const canary = planConditions(
      { ...valid, delivery: { affected: 1, acknowledged: 1, waitingFor: [] } },
      stable,
      at,
      'canary.istio.io/',
    );
    expect(verdicts(canary)).to.have.property('canary.istio.io/Programmed', 'True/Programmed');
    expect(
      planConditions(
        { ...valid, delivery: { affected: 1, acknowledged: 1, waitingFor: [] } },
        [...stable, ...(canary ?? [])],
        later,
        'canary.istio.io/',
      ),
      'nothing new, nothing to write',
    ).to.equal(undefined);
    expect(
      planConditions(
        { ...valid, delivery: { affected: 1, acknowledged: 1, waitingFor: [] } },
        [...stable, ...(canary ?? [])],
        later,
      ),
    ).to.equal(undefined);
  });

  it('say what is wrong now, and not what was wrong first', () => {
    const lacking = (host: string) => ({
      ...valid,
      references: {
        unresolved: [{ path: 'spec.hosts', message: `${host} is missing`, severity: 'warning' as const }],
        invalid: [],
        expired: [],
        early: [],
      },
    });
    const first = planConditions(lacking('a'), [], at) ?? [];
    expect(planConditions(lacking('a'), first, later)).to.equal(undefined);
    const next = planConditions(lacking('b'), first, later);
    const refs = next?.find(({ type }) => type === 'ResolvedRefs');
    expect(refs).to.include({ message: 'spec.hosts: b is missing', lastTransitionTime: at });
  });

  it('leave what others write of the resource alone', () => {
    const written = planConditions(valid, [], at) ?? [];
    const health = {
      type: 'Healthy',
      status: 'True',
      reason: 'ProbeSucceeded',
      message: '',
      observedGeneration: 0,
    } as const;
    expect(planConditions(valid, [...written, { ...health, lastTransitionTime: at }], later)).to.equal(undefined);
  });
});
