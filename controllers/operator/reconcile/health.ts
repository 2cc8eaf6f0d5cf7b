import type { Child } from '../render/child.ts';
import type { ComponentHealth } from '../status/facts.ts';
import type { ObservedChild } from './observed.ts';

/** How the components of an installation are doing, by their Deployments; a component without one is ready once applied. */
export function readHealth(
  children: readonly Child[],
  find: (child: Child) => ObservedChild | undefined,
): readonly ComponentHealth[] {
  const components = Object.groupBy(children, ({ component }) => component);
  return Object.entries(components).map(([component, members]): ComponentHealth => {
    const verdicts = (members ?? [])
      .filter(({ resource }) => resource.kind === 'Deployment')
      .map((child) => judgeDeployment(child.object.metadata.name, find(child)));
    const worst =
      verdicts.find(({ state }) => state === 'failed') ?? verdicts.find(({ state }) => state === 'progressing');
    return {
      component: component as ComponentHealth['component'],
      state: worst?.state ?? 'ready',
      message: verdicts
        .map(({ message }) => message)
        .filter((message) => message !== '')
        .join(', '),
    };
  });
}

type Verdict = Pick<ComponentHealth, 'state' | 'message'>;

/** As `kubectl rollout status` judges it. */
export function judgeDeployment(name: string, observed: ObservedChild | undefined): Verdict {
  const deployment = observed?.deployment;
  if (deployment === undefined) return { state: 'progressing', message: `Deployment ${name} is not there yet` };
  if (deployment.observedGeneration < (observed?.metadata.generation ?? 0)) {
    return { state: 'progressing', message: `Deployment ${name} has not been looked at yet` };
  }
  const { replicas, updatedReplicas, availableReplicas, totalReplicas } = deployment;
  const stuck = deployment.conditions.find(({ type, status }) => type === 'Progressing' && status === 'False');
  const refused = deployment.conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (availableReplicas >= replicas && updatedReplicas >= replicas && totalReplicas <= updatedReplicas)
    return { state: 'ready', message: '' };
  if (stuck !== undefined)
    return { state: 'failed', message: `Deployment ${name}: ${stuck.message ?? stuck.reason ?? 'does not progress'}` };
  if (refused !== undefined)
    return { state: 'progressing', message: `Deployment ${name}: ${refused.message ?? 'pods cannot be created'}` };
  return { state: 'progressing', message: `Deployment ${name} waits for its pods` };
}
