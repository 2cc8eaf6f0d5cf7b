import { stringify } from 'yaml';
import { resources } from '#kube/index.ts';
import type { Installation } from '../install/installation.ts';
import type { Json } from '../install/json.ts';
import { buildChild, type Child } from './child.ts';

/** The ConfigMaps that istiod watches: mesh configuration and how to inject. */
export function renderPilotConfig(installation: Installation): readonly Child[] {
  const { namespace, suffix, injector } = installation;
  const children = [
    buildChild(installation, 'Pilot', resources.configMaps, {
      name: `istio${suffix}`,
      namespace,
      data: { mesh: renderYaml(installation.mesh), meshNetworks: renderYaml(installation.meshNetworks) },
    }),
  ];
  if (injector !== undefined) {
    children.push(
      buildChild(installation, 'Pilot', resources.configMaps, {
        name: `istio-sidecar-injector${suffix}`,
        namespace,
        data: {
          config: renderYaml(injector.config),
          values: `${JSON.stringify(sortKeys(injector.values), null, 2)}\n`,
        },
      }),
    );
  }
  return children;
}

/** Keys sorted and words that YAML 1.1 takes for something else quoted, so that every reader gets back what was put in. */
function renderYaml(document: Json): string {
  return stringify(document, { sortMapEntries: true, version: '1.1', lineWidth: 0 });
}

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
