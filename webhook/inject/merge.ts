/** What a pod's author says about the proxy's container, laid over ours: a container named `istio-proxy` of their own. */
import type { Container } from './pod.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Lists that are merged item by item, and the field that tells items apart (Kubernetes' strategic merge). */
const mergeKeys: Readonly<Record<string, string>> = {
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
};

/** The author's fields win; `image: auto` stands for ours. */
export function mergeContainer(ours: Container, theirs: Container): Container {
  const { image, ...rest } = theirs;
  const given = image === undefined || image === '' || image === 'auto' ? rest : theirs;
  return { ...ours, ...mergeFields({ ...ours }, { ...given }), name: ours.name };
}

function mergeFields(base: Fields, over: Fields): Fields {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = merged[name];
    const key = mergeKeys[name];
    if (Array.isArray(value) && Array.isArray(before) && key !== undefined)
      merged[name] = mergeItems(before, value, key);
    else if (isObject(value) && isObject(before)) merged[name] = mergeFields(before, value);
    else if (value !== undefined && value !== null) merged[name] = value;
  }
  return merged;
}

function mergeItems(base: readonly unknown[], over: readonly unknown[], key: string): readonly unknown[] {
  const keyOf = (item: unknown) => (isObject(item) ? item[key] : undefined);
  const replaced = base.map((item) => over.find((other) => keyOf(other) === keyOf(item)) ?? item);
  const known = new Set(base.map(keyOf));
  return [...replaced, ...over.filter((item) => !known.has(keyOf(item)))];
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
