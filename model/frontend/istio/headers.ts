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

/** The host is rewritten by the route action: Envoy refuses it as a header operation. */
export function withoutHost(operations: HeaderOperations): HeaderOperations | undefined {
  const [set, add] = [operations.set, operations.add].map((headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !isHost(name))),
  );
  const left = { ...operations, set: set ?? {}, add: add ?? {} };
  return Object.keys(left.set).length + Object.keys(left.add).length + left.remove.length === 0 ? undefined : left;
}

/** The host that `set` says, or else `add`: there can be one only. */
export function hostRewriteOf(operations: HeaderOperations | undefined): string | undefined {
  const { set = {}, add = {} } = operations ?? {};
  return [...Object.entries(set), ...Object.entries(add)].find(([name]) => isHost(name))?.[1];
}

const isHost = (name: string): boolean => name.toLowerCase() === 'host' || name.toLowerCase() === ':authority';

function sorted(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(headers)
      .sort()
      .map((name) => [name, headers[name] ?? '']),
  );
}
