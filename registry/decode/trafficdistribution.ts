import type { TrafficDistribution } from '#model/index.ts';

/** The field of a Service as Kubernetes spells it; an unknown or absent value decides nothing. */
export function selectTrafficDistribution(value: string | undefined): TrafficDistribution | undefined {
  if (value === 'PreferSameZone' || value === 'PreferClose') return 'PreferSameZone';
  return value === 'PreferSameNode' ? value : undefined;
}

/** Istio's annotation, in any case of letters; an unknown value asks for no preference. */
export function parseTrafficDistribution(text: string | undefined): TrafficDistribution | undefined {
  switch (text?.toLowerCase()) {
    case undefined:
    case '':
      return undefined;
    case 'prefersamezone':
    case 'preferclose':
      return 'PreferSameZone';
    case 'prefersamenode':
      return 'PreferSameNode';
    default:
      return 'Any';
  }
}
