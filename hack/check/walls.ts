/**
 * The import walls, as data: for each folder what it may import. The table in docs/architecture.md says the same in
 * words. Node's own modules are allowed everywhere; a folder may always import itself.
 */
export interface Wall {
  /** Path prefix of the files the rule speaks of; the longest matching prefix wins. */
  readonly folder: string;
  /** Path prefixes it may import from. */
  readonly folders: readonly string[];
  /** npm packages it may import. */
  readonly packages: readonly string[];
}

const anything = [''];

export const walls: readonly Wall[] = [
  { folder: 'api/constants', folders: [], packages: [] },
  { folder: 'api/', folders: [], packages: ['zod', 're2js'] },
  { folder: 'runtime/core/', folders: [], packages: [] },
  { folder: 'runtime/', folders: [], packages: ['pino', 'prom-client', 'zod'] },
  { folder: 'graph/', folders: ['runtime/core/'], packages: [] },
  { folder: 'model/', folders: ['api/', 'graph/'], packages: [] },
  { folder: 'kube/', folders: ['api/', 'runtime/'], packages: ['undici', 'yaml', '@kubernetes/client-node'] },
  { folder: 'registry/', folders: ['api/', 'model/', 'graph/', 'kube/', 'runtime/'], packages: ['yaml'] },
  { folder: 'wire/', folders: ['runtime/core/'], packages: ['protobufjs'] },
  { folder: 'envoy/', folders: ['model/', 'wire/', 'api/constants'], packages: [] },
  { folder: 'envoy/bootstrap', folders: ['api/constants', 'envoy/bootstrap'], packages: [] },
  {
    folder: 'translate/',
    folders: ['model/', 'envoy/', 'wire/', 'graph/', 'xds/source.ts', 'runtime/core/'],
    packages: [],
  },
  { folder: 'xds/', folders: ['wire/', 'runtime/'], packages: ['@grpc/grpc-js'] },
  { folder: 'ca/', folders: ['wire/', 'runtime/'], packages: ['@grpc/grpc-js', 'node-forge'] },
  { folder: 'webhook/', folders: ['api/', 'model/', 'runtime/'], packages: ['yaml'] },
  { folder: 'controllers/', folders: ['api/', 'model/', 'kube/', 'runtime/'], packages: ['yaml'] },
  {
    folder: 'controllers/operator/adapter',
    folders: ['api/', 'model/', 'kube/', 'runtime/', 'controllers/'],
    packages: ['@dot-i/k8s-operator', '@kubernetes/client-node'],
  },
  {
    folder: 'agent/',
    folders: ['api/constants', 'runtime/core/', 'wire/agent', 'envoy/bootstrap'],
    packages: ['yaml'],
  },
  { folder: 'cmd/', folders: anything, packages: ['*'] },
  { folder: 'config/', folders: [], packages: [] },
  { folder: 'hack/', folders: anything, packages: ['*'] },
  { folder: 'test/', folders: anything, packages: ['*'] },
];

/** What tests beside their source may import on top of their folder's own wall. */
export const testImports = {
  folders: ['test/', 'runtime/testing/', 'hack/', 'graph/', 'registry/', 'wire/'],
  packages: ['chai', 'mocha', 'fast-check', 'yaml', 'esbuild', '@grpc/grpc-js', 'node-forge'],
};
