import type { Locality } from '#model/index.ts';

type Labels = Readonly<Record<string, string>>;

/** Where a pod says that it is, by Istio's label: `region/zone/subzone`, or with dots; undefined when it doesn't say. */
export function parseLocalityLabel(labels: Labels): Locality | undefined {
  const text = labels['topology.istio.io/locality'] ?? labels['istio-locality'] ?? '';
  if (text === '') return undefined;
  const [region = '', zone = '', subzone = ''] = text.split(text.includes('/') ? '/' : '.');
  return { region, zone, subzone };
}

/** Where a node stands, by Kubernetes' labels, the former ones included. */
export function parseNodeLocality(labels: Labels): Locality {
  return {
    region: labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '',
    zone: labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '',
    subzone: labels['topology.istio.io/subzone'] ?? '',
  };
}
