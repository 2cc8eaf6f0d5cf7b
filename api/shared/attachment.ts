import type { Diagnostic } from '../resource.ts';
import { each, errorIf, optionally, type Path } from '../schema/findings.ts';
import { checkSelector } from './labels.ts';
import type { PolicySelector, PolicyTargetReference } from './selector.ts';

interface Attached {
  readonly selector?: PolicySelector | undefined;
  readonly targetRef?: PolicyTargetReference | undefined;
  readonly targetRefs?: readonly PolicyTargetReference[] | undefined;
}

/** What policies may be attached to: kind by group. */
const targets: readonly (readonly [group: string, kind: string])[] = [
  ['', 'Service'],
  ['core', 'Service'],
  ['networking.istio.io', 'ServiceEntry'],
  ['gateway.networking.k8s.io', 'Gateway'],
  ['gateway.networking.k8s.io', 'GatewayClass'],
];

/** The workloads or targets that a policy of security, telemetry or extensions is for. */
export function checkAttachment(spec: Attached, path: Path): Diagnostic[] {
  return [
    ...checkSelector(spec.selector?.matchLabels, spec.selector !== undefined, [...path, 'selector', 'matchLabels']),
    ...optionally(spec.targetRef, [...path, 'targetRef'], checkTarget),
    ...each(spec.targetRefs, [...path, 'targetRefs'], checkTarget),
  ];
}

function checkTarget({ group = '', kind }: PolicyTargetReference, path: Path): Diagnostic[] {
  const known = targets.some(([knownGroup, knownKind]) => group === knownGroup && kind === knownKind);
  return errorIf(
    !known,
    [...path, 'kind'],
    `a policy cannot be attached to ${group === '' ? kind : `${group}/${kind}`}`,
  );
}
