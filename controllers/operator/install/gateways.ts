import { resolveImage } from './image.ts';
import type { GatewayPlan } from './installation.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { ValuesReader } from './values.ts';
import { resolveWorkload } from './workload.ts';

interface GatewayKind {
  readonly component: GatewayPlan['component'];
  /** The list under `spec.components`. */
  readonly field: 'ingressGateways' | 'egressGateways';
  /** The chart's key under `values.gateways`, which all gateways of the kind share. */
  readonly chart: 'istio-ingressgateway' | 'istio-egressgateway';
  readonly istioLabel: string;
  readonly ports: readonly JsonObject[];
}

const http = { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' };
const https = { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' };
const status = { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP' };

export const gatewayKinds: readonly GatewayKind[] = [
  {
    component: 'IngressGateways',
    field: 'ingressGateways',
    chart: 'istio-ingressgateway',
    istioLabel: 'ingressgateway',
    ports: [status, http, https],
  },
  {
    component: 'EgressGateways',
    field: 'egressGateways',
    chart: 'istio-egressgateway',
    istioLabel: 'egressgateway',
    ports: [http, https],
  },
];

export interface ResolvedGateways {
  readonly gateways: readonly GatewayPlan[];
  /** One per entry, disabled ones included, for the report of what was not read. */
  readonly readers: readonly {
    readonly reader: ValuesReader;
    readonly field: string;
    readonly name: string;
    readonly namespace: string;
  }[];
}

/** The enabled entries of `components.ingressGateways` and `egressGateways`. */
export function resolveGateways(components: JsonObject, values: ValuesReader, namespace: string): ResolvedGateways {
  const gateways: GatewayPlan[] = [];
  const readers: ResolvedGateways['readers'][number][] = [];
  for (const kind of gatewayKinds) {
    const entries = components[kind.field];
    for (const [index, entry] of (Array.isArray(entries) ? (entries as readonly Json[]) : []).entries()) {
      if (!isObject(entry)) continue;
      const label = `spec.components.${kind.field}[${index}]`;
      const reader = new ValuesReader(entry, label);
      const name = reader.text('name') ?? kind.chart;
      const place = reader.text('namespace') ?? namespace;
      readers.push({ reader, field: kind.field, name, namespace: reader.text('namespace') ?? '' });
      // Resolved even when it is off: a wrong value is found before the day it is switched on.
      const gateway = resolveGateway(kind, { name, namespace: place, label, reader, values });
      if (reader.boolean('enabled') !== false) gateways.push(gateway);
    }
  }
  return { gateways, readers };
}

function resolveGateway(
  kind: GatewayKind,
  {
    name,
    namespace,
    label,
    reader,
    values,
  }: { name: string; namespace: string; label: string; reader: ValuesReader; values: ValuesReader },
): GatewayPlan {
  const prefix = `gateways.${kind.chart}`;
  const settings = resolveWorkload({ values, prefix, component: reader, label });
  const ports = values.list(`${prefix}.ports`);
  return {
    component: kind.component,
    name,
    namespace,
    image: resolveImage(
      values,
      values.text('global.proxy.image') ?? 'proxyv2',
      reader.text('hub'),
      reader.scalar('tag'),
    ),
    labels: {
      app: name,
      istio: kind.istioLabel,
      ...values.strings(`${prefix}.labels`),
      ...reader.strings('label'),
    },
    serviceType: values.text(`${prefix}.type`) ?? 'ClusterIP',
    ports: ports === undefined ? kind.ports : ports.filter(isObject),
    settings: {
      ...settings,
      service: {
        ...readServiceValues(values, prefix),
        ...settings.service,
      },
    },
  };
}

/** Those values of a gateway that stand in its Service under the same name. */
function readServiceValues(values: ValuesReader, prefix: string): JsonObject {
  const fields: Record<string, Json> = {};
  for (const field of ['loadBalancerIP', 'loadBalancerClass', 'externalTrafficPolicy', 'ipFamilyPolicy']) {
    const value = values.text(`${prefix}.${field}`);
    if (value !== undefined) fields[field] = value;
  }
  for (const field of ['loadBalancerSourceRanges', 'externalIPs', 'ipFamilies']) {
    const value = values.list(`${prefix}.${field}`);
    if (value !== undefined && value.length > 0) fields[field] = value;
  }
  return fields;
}
