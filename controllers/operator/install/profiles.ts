import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { LateenError } from '#runtime/core/index.ts';
import { isObject, type JsonObject, overlayObject } from './json.ts';

/** Profile name -> `spec` of an IstioOperator. */
export type Profiles = ReadonlyMap<string, JsonObject>;

/** The profile that all others but `empty` are laid over. */
const baseProfile = 'default';
const standalone: ReadonlySet<string> = new Set([baseProfile, 'empty']);

/** Reads `<name>.yaml` files, each an IstioOperator whose spec is laid over the default profile's. */
export async function readProfiles(directory: string): Promise<Profiles> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.yaml')).sort();
  const specs = await Promise.all(
    files.map(async (file) => {
      const parsed: unknown = parse(await readFile(join(directory, file), 'utf8'));
      const spec = (parsed as { spec?: JsonObject } | null)?.spec ?? {};
      if (!isObject(spec)) throw new LateenError('invalid', `profile ${file}: spec is no map`);
      return [file.replace(/\.yaml$/, ''), spec] as const;
    }),
  );
  return buildProfiles(new Map(specs));
}

/** Lays every profile over the default one, as Istio does; `empty` stands alone. */
export function buildProfiles(specs: ReadonlyMap<string, JsonObject>): Profiles {
  const base = specs.get(baseProfile);
  if (base === undefined) throw new LateenError('invalid', `there is no profile "${baseProfile}"`);
  return new Map([...specs].map(([name, spec]) => [name, standalone.has(name) ? spec : overlayObject(base, spec)]));
}
