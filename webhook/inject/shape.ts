/** The API server sends well-formed pods; anybody else may send anything, so what injection reads is looked at first. */
import type { Diagnostic } from '#api/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The first part of a pod that does not have its shape, among those that injection reads. */
export function findMisshapen(pod: unknown): Diagnostic | undefined {
  const [path] = [...misshapen(pod)];
  return path === undefined ? undefined : { path, message: 'does not have the shape of a Pod', severity: 'error' };
}

function* misshapen(pod: unknown): Generator<string> {
  if (!isObject(pod)) return yield '';
  const { metadata = {}, spec } = pod;
  if (!isObject(metadata)) return yield 'metadata';
  for (const name of ['labels', 'annotations']) {
    const map = metadata[name] === undefined ? {} : metadata[name];
    if (!isObject(map) || !Object.values(map).every((value) => typeof value === 'string')) yield `metadata.${name}`;
  }
  for (const name of ['name', 'generateName']) if (!isTextOrAbsent(metadata[name])) yield `metadata.${name}`;
  yield* lists('metadata', metadata, { ownerReferences: ['name', 'kind', 'apiVersion'] });
  if (!isObject(spec)) return yield 'spec';
  if (!Array.isArray(spec.containers)) return yield 'spec.containers';
  const named = ['name'];
  yield* lists('spec', spec, { containers: named, initContainers: named, volumes: named, imagePullSecrets: [] });
  for (const list of ['containers', 'initContainers']) {
    const containers = Array.isArray(spec[list]) ? spec[list].filter(isObject) : [];
    for (const [i, container] of containers.entries()) yield* misshapenContainer(`spec.${list}[${i}]`, container);
  }
}

function* misshapenContainer(path: string, container: Fields): Generator<string> {
  yield* lists(path, container, { ports: [], env: [], volumeMounts: [] });
  yield* objects(
    path,
    container,
    ['livenessProbe', 'readinessProbe', 'startupProbe'],
    ['httpGet', 'tcpSocket', 'grpc'],
  );
  yield* objects(path, container, ['lifecycle'], ['postStart', 'preStop']);
  const { lifecycle } = container;
  if (isObject(lifecycle)) yield* objects(`${path}.lifecycle`, lifecycle, ['postStart', 'preStop'], ['httpGet']);
}

/** Lists of objects, each with the given texts. */
function* lists(
  path: string,
  fields: Fields,
  expected: Readonly<Record<string, readonly string[]>>,
): Generator<string> {
  for (const [name, texts] of Object.entries(expected)) {
    const list = fields[name] === undefined ? [] : fields[name];
    const fits =
      Array.isArray(list) &&
      list.every((item) => isObject(item) && texts.every((text) => typeof item[text] === 'string'));
    if (!fits) yield `${path}.${name}`;
  }
}

/** Objects, and objects within them. */
function* objects(path: string, fields: Fields, outer: readonly string[], inner: readonly string[]): Generator<string> {
  for (const name of outer) {
    const value = fields[name] === undefined ? {} : fields[name];
    if (!isObject(value)) yield `${path}.${name}`;
    else
      for (const part of inner)
        if (value[part] !== undefined && !isObject(value[part])) yield `${path}.${name}.${part}`;
  }
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
