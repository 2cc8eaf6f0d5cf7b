/** Which events of a watch tell half of something whose other half is about to come with another watch. */
import type { Batch, KubeObject } from '#kube/index.ts';
import type { ServiceObject } from './decode/objects.ts';
import type { ClusterWriter, ObjectKind } from './writer.ts';

/**
 * Kubernetes makes an EndpointSlice for each new Service that selects pods, and a Service that goes takes its slices along.
 * One without the other is little use to anybody, and built together they cost a third less.
 */
export function isPartial(writer: Pick<ClusterWriter, 'has'>, kind: ObjectKind, batch: Batch<KubeObject>): boolean {
  if (batch.type !== 'changes') return false;
  if (kind === 'EndpointSlice') return batch.changes.every(({ type }) => type === 'delete');
  if (kind !== 'Service') return false;
  return batch.changes.every(
    ({ type, object }) =>
      type === 'set' && selectsPods(object as ServiceObject) && !writer.has('Service', object.metadata),
  );
}

function selectsPods({ spec }: ServiceObject): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0;
}
