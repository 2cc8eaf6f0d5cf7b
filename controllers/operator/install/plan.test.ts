import { join } from 'node:path';
import { expect } from 'chai';
import { kinds } from '#api/index.ts';
import type { Installation } from './installation.ts';
import type { JsonObject } from './json.ts';
import { planInstallation } from './plan.ts';
import { buildProfiles, type Profiles, readProfiles } from './profiles.ts';

const owner = { name: 'mesh', namespace: 'istio-system', uid: '1' };

describe('resolving an IstioOperator', () => {
  let profiles: Profiles;

  before(async () => {
    profiles = await readProfiles(join(import.meta.dirname, '../../../config/profiles'));
  });

  const plan = (spec: JsonObject) => planInstallation(owner, spec, profiles);
  function resolved(spec: JsonObject): { installation: Installation; notHonoured: readonly string[] } {
    const result = plan(spec);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result;
  }
  const problems = (spec: JsonObject) => {
    const result = plan(spec);
    return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`).sort();
  };

  it('knows the profiles that are promised, and they are valid resources', () => {
    expect([...profiles.keys()].sort()).to.deep.equal(['default', 'demo', 'empty', 'minimal', 'openshift', 'remote']);
    for (const [name, spec] of profiles) {
      const object = { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', metadata: { name }, spec };
      const parsed = kinds.IstioOperator.parse(object);
      expect(parsed, name).to.include({ ok: true });
      if (parsed.ok) expect(parsed.warnings, name).to.deep.equal([]);
      expect(plan(spec).ok, name).to.equal(true);
    }
  });

  it('honours everything that its own profiles say', () => {
    for (const [name, spec] of profiles) {
      // Without a control plane there is nobody to read what is said of it.
      if (resolved(spec).installation.pilot !== undefined) expect(resolved(spec).notHonoured, name).to.deep.equal([]);
    }
  });

  it('names the profiles there are when there is none of that name', () => {
    expect(problems({ profile: 'ambient' })).to.deep.equal([
      'spec.profile: there is no profile "ambient"; known are default, demo, empty, minimal, openshift, remote',
    ]);
    expect(problems({ profile: '__proto__' })).to.have.length(1);
  });

  it('finds every value of the wrong type at once', () => {
    expect(
      problems({ values: { pilot: { replicaCount: 'two', env: [1] }, global: { proxy: { image: 7 } } } }),
    ).to.deep.equal([
      'spec.values.global.proxy.image: must be a string',
      'spec.values.pilot.env: must be a map',
      'spec.values.pilot.replicaCount: must be a number',
    ]);
  });

  it('takes the namespace from the component, the spec, the values or the resource, in this order', () => {
    const all = {
      namespace: 'b',
      values: { global: { istioNamespace: 'c' } },
      components: { pilot: { namespace: 'a' } },
    };
    expect(resolved(all).installation.namespace).to.equal('a');
    expect(resolved({ ...all, components: {} }).installation.namespace).to.equal('b');
    expect(resolved({ values: all.values }).installation.namespace).to.equal('c');
    expect(resolved({}).installation.namespace).to.equal('istio-system');
  });

  it('spells images from hub and tag, a component’s own standing above', () => {
    expect(resolved({ hub: 'h', tag: 1.5 }).installation.pilot?.image).to.equal('h/pilot:1.5');
    expect(resolved({ values: { pilot: { image: 'r/x/y:z' } } }).installation.pilot?.image).to.equal('r/x/y:z');
    const own = resolved({ hub: 'h', tag: 't', components: { pilot: { hub: 'p', tag: 'q' } } }).installation;
    expect(own.pilot?.image).to.equal('p/pilot:q');
    expect(own.gateways[0]?.image).to.equal('h/proxyv2:t');
  });

  it('lets meshConfig stand above values.meshConfig', () => {
    const { installation } = resolved({
      values: { meshConfig: { accessLogFile: '/a', trustDomain: 'x' } },
      meshConfig: { accessLogFile: '/b' },
    });
    expect(installation.mesh).to.include({ accessLogFile: '/b', trustDomain: 'x', rootNamespace: 'istio-system' });
    expect(installation.shared.trustDomain).to.equal('x');
  });

  it('merges gateways of a profile by name and adds new ones', () => {
    const { installation } = resolved({
      profile: 'demo',
      components: {
        ingressGateways: [{ name: 'edge', enabled: true, label: { istio: 'edge' }, k8s: { replicaCount: 3 } }],
        egressGateways: [{ name: 'istio-egressgateway', enabled: false }],
      },
    });
    expect(installation.gateways.map(({ name, labels }) => [name, labels.istio])).to.deep.equal([
      ['istio-ingressgateway', 'ingressgateway'],
      ['edge', 'edge'],
    ]);
    expect(installation.gateways[1]?.settings.scaling).to.deep.equal({ kind: 'fixed', replicas: 3 });
  });

  it('reports what nothing reads, wherever it stands', () => {
    const { notHonoured } = resolved({
      compatibilityVersion: '1.20',
      meshConfig: {
        accessLogFile: '/dev/stdout',
        ingressClass: 'istio',
        defaultConfig: { concurrency: 2, tracing: { sampling: 1 } },
      },
      values: {
        global: { sts: { servicePort: 1 }, proxy: { logLevel: 'debug' } },
        pilot: { env: { PILOT_X: '1', LATEEN_LOG_LEVEL: 'debug' } },
      },
      components: {
        ztunnel: { enabled: true },
        cni: { enabled: false },
        pilot: { k8s: { env: [{ name: 'PILOT_Y', value: '1' }] } },
      },
    });
    expect(notHonoured).to.deep.equal([
      'spec.compatibilityVersion',
      'spec.components.pilot.k8s.env[PILOT_Y]',
      'spec.components.ztunnel.enabled',
      'spec.meshConfig.defaultConfig.tracing.sampling',
      'spec.meshConfig.ingressClass',
      'spec.values.global.sts.servicePort',
      'spec.values.pilot.env.PILOT_X',
    ]);
  });

  it('is pure: the same spec gives the same installation', () => {
    const spec = { profile: 'demo', revision: 'canary' };
    expect(JSON.stringify(plan(spec))).to.equal(JSON.stringify(plan(structuredClone(spec))));
  });

  it('will not start without a default profile', () => {
    expect(() => buildProfiles(new Map([['demo', {}]]))).to.throw('there is no profile "default"');
  });
});
