import type { HeadersSpec } from '../../specs.ts';
import type { HeaderOperations } from '../../types/resolved.ts';

/** Header changes, or undefined when there are none. */
export function resolveHeaders(spec: HeadersSpec['request']): HeaderOperations | undefined {
  const set = spec?.set ?? {};
  const add = spec?.add ?? {};
  const remove = spec?.remove ?? [];
  if (Object.keys(set).length + Object.keys(add).length + remove.length === 0) return undefined;
  return { set: sorted(set), add: sorted(add), remove };
}

/** The host is rewritten by the route action, not by a header operation. */
export function withoutHost(operations: HeaderOperations): HeaderOperations | undefined {
  const set = Object.fromEntries(Object.entries(operations.set).filter(([name]) => !isHost(name)));
  const left = Object.keys(set).length + Object.keys(operations.add).length + operations.remove.length;
  return left === 0 ? undefined : { ...operations, set };
}

export function hostRewriteOf(operations: HeaderOperations | undefined): string | undefined {
  const name = Object.keys(operations?.set ?? {}).find(isHost);
  return name === undefined ? undefined : operations?.set[name];
}

const isHost = (name: string): boolean => name.toLowerCase() === 'host' || name.toLowerCase() === ':authority';

function sorted(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(headers)
      .sort()
      .map((name) => [name, headers[name] ?? '']),
  );
}
