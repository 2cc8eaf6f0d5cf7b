import { age, column } from '../schema/columns.ts';
import { defineKind } from '../schema/kind.ts';
import { IstioOperatorSpec, IstioOperatorStatus, initialStatus } from './istiooperator.ts';

/** Below these fields an unknown field is somebody's newer setting; elsewhere it is a mistake that stops the change. */
const tolerant = new Set<PropertyKey>(['meshConfig', 'values', 'unvalidatedValues']);

export const istioOperator = defineKind<IstioOperatorSpec>({
  group: 'install.istio.io',
  versions: ['v1alpha1'],
  storageVersion: 'v1alpha1',
  kind: 'IstioOperator',
  plural: 'istiooperators',
  shortNames: ['iop', 'io'],
  categories: ['istio-io', 'install-istio-io', 'mesh'],
  description: 'A whole installation of the mesh.',
  spec: IstioOperatorSpec,
  preserveUnknown: true,
  protoJson: true,
  judgeUnknown: ([first, ...rest]) =>
    (first !== undefined && tolerant.has(first)) || rest.includes('overlays') ? 'warning' : 'error',
  status: IstioOperatorStatus,
  statusDefault: initialStatus,
  columns: [
    column('Revision', '.spec.revision', 'Revision of the control plane.'),
    column('Status', '.status.status', 'State of the installation.'),
    column('Version', '.status.version', 'Version that runs.'),
    column('Ready', '.status.conditions[?(@.type=="Ready")].status', 'Whether everything works.'),
    age,
    column('Message', '.status.message', 'What is going on, or what to do.', 1),
  ],
});
