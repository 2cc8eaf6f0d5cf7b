import { expect } from 'chai';
import type { WorkloadClaim } from './claim.ts';
import { buildEntry, renderEntryName } from './entry.ts';
import { planHealth } from './health.ts';
import type { WorkloadGroupRecord } from './records.ts';

const claim: WorkloadClaim = {
  connectionId: 'vm.shop-1',
  namespace: 'shop',
  serviceAccount: 'vm',
  joins: { group: 'web' },
  address: '10.0.0.1',
  network: '',
  locality: '',
  labels: {},
  probes: false,
  serves: true,
};
const group = (spec: WorkloadGroupRecord['spec']): WorkloadGroupRecord => ({
  ...{ namespace: 'shop', name: 'web', uid: 'uid-1', generation: 1 },
  spec,
});
const presence = { controller: 'istiod-0', connectedAt: Date.UTC(2030, 0, 1) };

describe('the WorkloadEntry of a workload that joins a group', () => {
  const named: readonly (readonly [readonly [string, string, string], string])[] = [
    [['web', '10.0.0.1', ''], 'web-10.0.0.1'],
    [['web', '10.0.0.1', 'vms'], 'web-10.0.0.1-vms'],
    [['web', 'fd00::1', ''], 'web-fd00--1'],
    [['web', 'fd00::', ''], 'web-fd00--0'],
    [[`-${'x'.repeat(245)}`, '10.0.0.1', ''], `${'x'.repeat(244)}-10.0.0.1`],
    [[`a-${'x'.repeat(244)}`, '10.0.0.1', ''], `${'x'.repeat(244)}-10.0.0.1`],
  ];
  for (const [given, name] of named) {
    it(`is named ${name.slice(-30)} for ${given.join(' ').slice(-30)}`, () => {
      expect(renderEntryName(...given)).to.equal(name);
    });
  }

  it('has what the workload says, then what the group’s metadata says, then the template', () => {
    const { metadata, spec } = buildEntry(
      'web-10.0.0.1',
      {
        ...claim,
        ...{ network: 'vms', locality: 'eu/eu-1', probes: true },
        labels: { version: 'v3', 'istio-locality': 'eu.eu-1' },
      },
      group({
        metadata: {
          labels: { tier: 'front', version: 'v2' },
          annotations: { team: 'shop', 'istio.io/workloadController': 'forged' },
        },
        template: {
          ...{
            address: '1.2.3.4',
            ports: { http: 8080 },
            weight: 3,
            network: 'pods',
            locality: 'us',
            serviceAccount: 'vm',
          },
          labels: { app: 'web', tier: 'back' },
        },
      }),
      presence,
    );
    const labels = { app: 'web', tier: 'front', version: 'v3' };
    expect(spec).to.deep.equal({
      ...{ address: '10.0.0.1', ports: { http: 8080 }, weight: 3, labels },
      ...{ network: 'vms', locality: 'eu/eu-1', serviceAccount: 'vm' },
    });
    expect(metadata).to.deep.equal({
      ...{ name: 'web-10.0.0.1', namespace: 'shop', labels },
      annotations: {
        team: 'shop',
        'istio.io/autoRegistrationGroup': 'web',
        'proxy.istio.io/health-checks-enabled': 'true',
        'istio.io/workloadController': 'istiod-0',
        'istio.io/connectedAt': '2030-01-01T00:00:00.000Z',
      },
      ownerReferences: [
        { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', name: 'web', uid: 'uid-1', controller: true },
      ],
    });
  });

  it('bears the service account that was proven where the group names none', () => {
    expect(buildEntry('web-10.0.0.1', claim, group({ template: {} }), presence).spec.serviceAccount).to.equal('vm');
  });
});

describe('the health of a workload', () => {
  const at = Date.UTC(2030, 0, 1);

  it('changes with what is reported, and keeps the time of the last change', () => {
    const well = planHealth({ healthy: true, message: '', at }, []);
    expect(well).to.deep.include({ type: 'Healthy', status: 'True', lastTransitionTime: '2030-01-01T00:00:00.000Z' });
    const standing = well === undefined ? [] : [well];
    expect(planHealth({ healthy: true, message: '', at: at + 1000 }, standing)).to.equal(undefined);
    const ill = planHealth({ healthy: false, message: 'refused', at: at + 1000 }, standing);
    expect(ill).to.deep.include({
      status: 'False',
      message: 'refused',
      lastTransitionTime: '2030-01-01T00:00:01.000Z',
    });
    const worse = planHealth({ healthy: false, message: 'timeout', at: at + 2000 }, ill === undefined ? [] : [ill]);
    expect(worse).to.deep.include({
      ...{ message: 'timeout', lastProbeTime: '2030-01-01T00:00:02.000Z' },
      lastTransitionTime: '2030-01-01T00:00:01.000Z',
    });
  });

  it('is not set back by a report that another replica got before', () => {
    const newer = planHealth({ healthy: true, message: '', at }, []);
    expect(planHealth({ healthy: false, message: 'old', at: at - 1 }, newer === undefined ? [] : [newer])).to.equal(
      undefined,
    );
  });
});
