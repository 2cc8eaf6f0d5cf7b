import { expect } from 'chai';
import { judgeDeployment } from './health.ts';
import type { ObservedChild, ObservedDeployment } from './observed.ts';

const observed = (deployment: Partial<ObservedDeployment>, generation = 1): ObservedChild => ({
  metadata: { name: 'istiod', generation },
  fingerprint: '',
  deployment: {
    replicas: 1,
    observedGeneration: 1,
    updatedReplicas: 1,
    availableReplicas: 1,
    totalReplicas: 1,
    conditions: [],
    ...deployment,
  },
});

describe('the health of a Deployment', () => {
  const state = (child: ObservedChild | undefined) => judgeDeployment('istiod', child).state;

  it('is ready when all its replicas are new and available', () => {
    expect(state(observed({}))).to.equal('ready');
    expect(state(observed({ replicas: 0, updatedReplicas: 0, availableReplicas: 0, totalReplicas: 0 }))).to.equal(
      'ready',
    );
  });

  it('waits for the controller, for new pods, for available ones, and for old ones to go', () => {
    expect(state(undefined)).to.equal('progressing');
    expect(state(observed({}, 2))).to.equal('progressing');
    expect(state(observed({ updatedReplicas: 0 }))).to.equal('progressing');
    expect(state(observed({ availableReplicas: 0 }))).to.equal('progressing');
    expect(state(observed({ totalReplicas: 2 }))).to.equal('progressing');
  });

  it('fails when it does not progress any more, in the controller’s words', () => {
    const stuck = observed({
      availableReplicas: 0,
      conditions: [{ type: 'Progressing', status: 'False', message: 'timed out' }],
    });
    expect(judgeDeployment('istiod', stuck)).to.deep.equal({
      state: 'failed',
      message: 'Deployment istiod: timed out',
    });
  });

  it('says why pods cannot be created', () => {
    const refused = observed({
      availableReplicas: 0,
      conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'quota' }],
    });
    expect(judgeDeployment('istiod', refused)).to.deep.equal({
      state: 'progressing',
      message: 'Deployment istiod: quota',
    });
  });
});
