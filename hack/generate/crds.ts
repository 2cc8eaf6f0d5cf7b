import { stringify } from 'yaml';
import { manifests } from '#api/manifests.ts';
import type { GeneratedFile } from './files.ts';

const header = '# Generated from api/ by `npm run generate`. Do not edit.\n';

/** One file per kind, and the kustomization that lists them. */
export async function customResourceDefinitions(): Promise<readonly GeneratedFile[]> {
  const files = manifests().map((manifest) => ({
    path: `crds/${manifest.metadata.name}.yaml`,
    content: header + stringify(manifest, yamlOptions),
  }));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: files.map((file) => file.path.replace('crds/', '')),
  };
  return [...files, { path: 'crds/kustomization.yaml', content: header + stringify(kustomization, yamlOptions) }];
}

/** No anchors: kubectl's YAML reader knows them, other tools' do not. YAML 1.1 quoting, because Kubernetes reads that. */
const yamlOptions = { aliasDuplicateObjects: false, lineWidth: 120, version: '1.1' } as const;
