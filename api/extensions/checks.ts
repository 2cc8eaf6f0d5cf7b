/** What Wasm and Lua extensions must be besides their schemas. Source: the rules of Istio's admission. */
import type { Diagnostic } from '../resource.ts';
import { optionally, type Path, warning } from '../schema/findings.ts';
import { checkAttachment } from '../shared/attachment.ts';
import type { TrafficExtensionSpec } from './trafficextension.ts';
import type { WasmPluginSpec } from './wasmplugin.ts';

export function checkWasmPlugin(spec: WasmPluginSpec): Diagnostic[] {
  return [...checkAttachment(spec, ['spec']), ...checkDigest(spec, ['spec'])];
}

export function checkTrafficExtension(spec: TrafficExtensionSpec): Diagnostic[] {
  return [...checkAttachment(spec, ['spec']), ...optionally(spec.wasm, ['spec', 'wasm'], checkDigest)];
}

/** A digest in the image reference and another one beside it: the module can never be right. */
function checkDigest({ url, sha256 }: Pick<WasmPluginSpec, 'url' | 'sha256'>, path: Path): Diagnostic[] {
  const [, referred] = /@sha256:([a-f0-9]{64})$/.exec(url) ?? [];
  if (!sha256 || referred === undefined || referred === sha256) return [];
  return [warning([...path, 'sha256'], 'differs from the digest in url')];
}
