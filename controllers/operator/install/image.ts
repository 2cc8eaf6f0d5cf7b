import type { ValuesReader } from './values.ts';

/** `hub/name:tag`, unless the name is a whole image already. `hub` and `tag` stand above `values.global`. */
export function resolveImage(values: ValuesReader, name: string, hub?: string, tag?: string | number): string {
  if (name.includes('/')) return name;
  const chosen = tag === undefined || tag === '' ? values.scalar('global.tag') : tag;
  return `${hub ?? values.text('global.hub') ?? ''}/${name}:${chosen ?? ''}`;
}
