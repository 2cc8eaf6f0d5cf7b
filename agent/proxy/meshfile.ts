/**
 * The mesh's settings as a file, as `istioctl x workload entry configure` writes it for a machine outside of Kubernetes. In a
 * pod there is none: there the injector has put everything into the environment.
 */
import { readFile } from 'node:fs/promises';
import { LateenError } from '#runtime/core/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Fields = Readonly<Record<string, unknown>>;

/** Where Istio's agents look for it, from the root of the file system. */
export const defaultMeshFile = '/etc/istio/config/mesh';

/** `defaultConfig` of the file; undefined when there is no file. Throws LateenError `invalid` when it is no such YAML. */
export async function readMeshFile(path: string): Promise<Fields | undefined> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw LateenError.from(thrown);
  });
  if (text === undefined) return undefined;
  // A pod, which has no such file, never runs any of it.
  const { parse } = await import('yaml');
  try {
    return fieldsOf(fieldsOf(parse(text)).defaultConfig);
  } catch (thrown) {
    throw new LateenError('invalid', `${path}: ${LateenError.from(thrown).message}`, { cause: thrown });
  }
}

/** The environment with what the file says where the environment says nothing: proxy settings and the metadata in them. */
export function joinEnvironment(env: Environment, config: Fields): Environment {
  const metadata = Object.entries(fieldsOf(config.proxyMetadata)).map(([name, value]) => [name, String(value)]);
  const { PROXY_CONFIG: own = '' } = env;
  return {
    ...Object.fromEntries(metadata),
    ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
    PROXY_CONFIG: own.trim() === '' ? JSON.stringify(config) : layOver(config, own),
  };
}

/** What is no JSON object is left as it is: whoever reads it complains. */
function layOver(config: Fields, text: string): string {
  try {
    return JSON.stringify({ ...config, ...fieldsOf(JSON.parse(text)) });
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof LateenError) return text;
    throw thrown;
  }
}

function fieldsOf(value: unknown): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw new LateenError('invalid', 'not a map of settings');
}
