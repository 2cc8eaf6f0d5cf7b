import { join } from 'node:path';
import { expect } from 'chai';
import { objectKey } from '#kube/index.ts';
import { expectGolden } from '#test/support/golden.ts';
import type { Installation } from '../install/installation.ts';
import type { JsonObject } from '../install/json.ts';
import { planInstallation } from '../install/plan.ts';
import { type Profiles, readProfiles } from '../install/profiles.ts';
import { type Child, ownerLabels } from './child.ts';
import { renderInstallation } from './index.ts';

const owner = { name: 'mesh', namespace: 'istio-system', uid: '6d1e1f6a-0000-4000-8000-000000000001' };
const caBundle = '-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n';

describe('rendering an installation', () => {
  let profiles: Profiles;

  before(async () => {
    profiles = await readProfiles(join(import.meta.dirname, '../../../config/profiles'));
  });

  function plan(spec: JsonObject): Installation {
    const result = planInstallation(owner, spec, profiles);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.installation;
  }

  const render = (spec: JsonObject, bundle: string | undefined = caBundle) =>
    renderInstallation(plan(spec), bundle).children;

  for (const profile of ['default', 'demo', 'minimal', 'empty', 'remote', 'openshift']) {
    it(`profile ${profile}`, () => expectGolden(import.meta.url, `${profile}.json`, render({ profile }).map(present)));
  }

  it('a canary in another namespace', () => {
    const spec = { profile: 'minimal', revision: 'canary', namespace: 'mesh-canary', tag: '0.2.0' };
    expectGolden(import.meta.url, 'canary.json', render(spec).map(present));
  });

  it('every kubernetes setting of a component', () => {
    expectGolden(import.meta.url, 'settings.json', render(everySetting).map(present));
  });

  it('leaves the webhook configurations out until a root is known', () => {
    const kinds = renderInstallation(plan({}), undefined).children.map(({ resource }) => resource.kind);
    expect(kinds).to.include('Deployment');
    expect(kinds).to.not.include.members(['MutatingWebhookConfiguration']);
    expect(kinds).to.not.include.members(['ValidatingWebhookConfiguration']);
  });

  it('gives ownerReferences only to children in the namespace of the owner', () => {
    const children = render({ components: { ingressGateways: [{ name: 'edge', namespace: 'edge', enabled: true }] } });
    for (const { object } of children) {
      const owned = object.metadata.ownerReferences !== undefined;
      expect(owned, objectKey(object)).to.equal(object.metadata.namespace === owner.namespace);
      expect(object.metadata.labels[ownerLabels.name]).to.equal('mesh');
    }
    expect(new Set(children.map(({ object }) => object.metadata.namespace))).to.deep.equal(
      new Set([owner.namespace, 'edge', undefined]),
    );
  });

  it('never writes replicas into a Deployment that an HPA scales', () => {
    for (const profile of profiles.keys()) {
      const children = render({ profile, components: { pilot: { k8s: { replicaCount: 3 } } } });
      const scaled = new Set(kindOf(children, 'HorizontalPodAutoscaler').map(({ object }) => objectKey(object)));
      for (const { object } of kindOf(children, 'Deployment')) {
        const hasReplicas = Object.hasOwn(object.spec as JsonObject, 'replicas');
        if (scaled.has(objectKey(object))) expect(hasReplicas, profile).to.equal(false);
      }
    }
  });

  it('names every object once, in every profile', () => {
    for (const profile of profiles.keys()) {
      const names = render({ profile }).map(({ resource, object }) => `${resource.kind} ${objectKey(object)}`);
      expect(names).to.have.length(new Set(names).size);
    }
  });
});

const everySetting: JsonObject = {
  profile: 'minimal',
  components: {
    pilot: {
      k8s: {
        replicaCount: 2,
        hpaSpec: { maxReplicas: 9 },
        resources: { requests: { cpu: '1' } },
        env: [
          { name: 'CLUSTER_ID', value: 'east' },
          { name: 'EXTRA', valueFrom: { secretKeyRef: { name: 'extra', key: 'k' } } },
        ],
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
        nodeSelector: { pool: 'mesh' },
        tolerations: [{ key: 'mesh', operator: 'Exists' }],
        podAnnotations: { note: 'hello' },
        podDisruptionBudget: { maxUnavailable: 1 },
        priorityClassName: 'system-cluster-critical',
        imagePullPolicy: 'Always',
        readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 9 },
        service: { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack' },
        serviceAnnotations: { cloud: 'yes' },
        strategy: { type: 'Recreate' },
        securityContext: { runAsUser: 2000 },
        volumes: [{ name: 'extra', emptyDir: {} }],
        volumeMounts: [{ name: 'extra', mountPath: '/extra' }],
        overlays: [
          {
            kind: 'Deployment',
            name: 'istiod',
            patches: [
              { path: 'spec.template.spec.containers.[name:discovery].args.[-1]', value: '--extra' },
              { path: 'spec.template.spec.hostNetwork', value: true },
              { path: 'metadata.annotations.example\\.com/owner', value: 'platform' },
            ],
          },
        ],
      },
    },
  },
};

const kindOf = (children: readonly Child[], kind: string) => children.filter(({ resource }) => resource.kind === kind);

const present = ({ component, resource, object }: Child) => ({ component, kind: resource.kind, ...object });
