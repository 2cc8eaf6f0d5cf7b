import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { LateenError } from '#runtime/core/index.ts';
import type { Connection, ConnectionSource, ConnectionTls } from './connection.ts';

/** The parts of a kubeconfig file that we read. Credential plug-ins (`exec`, `auth-provider`) are refused by name. */
interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly {
    readonly name: string;
    readonly context: { cluster: string; user: string; namespace?: string };
  }[];
  readonly clusters?: readonly {
    readonly name: string;
    readonly cluster: Readonly<Record<string, string | boolean | undefined>>;
  }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, unknown>> | null }[];
}

export interface KubeconfigOptions {
  readonly path: string;
  /** Default: the file's current context. */
  readonly context?: string;
}

/** The connection that a kubeconfig file describes. The file is read once, at first use; the files it names too. */
export function createKubeconfigConnection(options: KubeconfigOptions): ConnectionSource {
  let connection: Promise<Connection> | undefined;
  return {
    read() {
      connection ??= readKubeconfig(options);
      connection.catch(() => {
        connection = undefined;
      });
      return connection;
    },
  };
}

async function readKubeconfig(options: KubeconfigOptions): Promise<Connection> {
  const text = await readFile(options.path, 'utf8').catch((cause: unknown) => {
    throw new LateenError('invalid', `cannot read kubeconfig ${options.path}`, { cause });
  });
  const parsed: unknown = parse(text);
  if (typeof parsed !== 'object' || parsed === null)
    throw new LateenError('invalid', `kubeconfig ${options.path} is no mapping`);
  return await resolveConnection(parsed as Kubeconfig, options);
}

/** Impersonation (`as`, `as-groups` …), and a proxy to go through. */
const unsupportedFields = /^(as(-.*)?|proxy-url)$/;

async function resolveConnection(file: Kubeconfig, options: KubeconfigOptions): Promise<Connection> {
  const contextName = options.context ?? file['current-context'] ?? '';
  const context = file.contexts?.find((entry) => entry.name === contextName)?.context;
  if (context === undefined)
    throw new LateenError('invalid', `kubeconfig ${options.path} has no context "${contextName}"`);
  const cluster = file.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (cluster === undefined)
    throw new LateenError('invalid', `kubeconfig ${options.path} has no cluster "${context.cluster}"`);
  const user = file.users?.find((entry) => entry.name === context.user)?.user ?? {};
  for (const plugin of ['exec', 'auth-provider']) {
    if (plugin in user) {
      throw new LateenError(
        'invalid',
        `kubeconfig ${options.path}: user "${context.user}" needs a credential plug-in (${plugin}); use a token or a client certificate`,
      );
    }
  }
  // Left out they would have us come as somebody else than the file says, or another way.
  const unsupported = [...Object.keys(user), ...Object.keys(cluster)].find((field) => unsupportedFields.test(field));
  if (unsupported !== undefined)
    throw new LateenError('invalid', `kubeconfig ${options.path}: ${unsupported} is not supported`);
  const base = dirname(options.path);
  const authorization = await readAuthorization(user, base);
  return {
    server: String(cluster.server ?? '').replace(/\/+$/, ''),
    tls: await readTls(cluster, user, base),
    ...(authorization === undefined ? {} : { authorization }),
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
  };
}

async function readTls(
  cluster: Readonly<Record<string, unknown>>,
  user: Readonly<Record<string, unknown>>,
  base: string,
): Promise<ConnectionTls> {
  const [ca, cert, key] = await Promise.all([
    readPem(cluster, 'certificate-authority', base),
    readPem(user, 'client-certificate', base),
    readPem(user, 'client-key', base),
  ]);
  const serverName = cluster['tls-server-name'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(typeof serverName === 'string' ? { serverName } : {}),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecureSkipVerify: true } : {}),
  };
}

/** `<field>-data` holds base64, `<field>` names a file relative to the kubeconfig. */
async function readPem(
  from: Readonly<Record<string, unknown>>,
  field: string,
  base: string,
): Promise<string | undefined> {
  const data = from[`${field}-data`];
  if (typeof data === 'string' && data !== '') return Buffer.from(data, 'base64').toString('utf8');
  const path = from[field];
  return typeof path === 'string' && path !== '' ? await readFile(resolve(base, path), 'utf8') : undefined;
}

async function readAuthorization(user: Readonly<Record<string, unknown>>, base: string): Promise<string | undefined> {
  const { token, tokenFile, username, password } = user;
  if (typeof token === 'string' && token !== '') return `Bearer ${token}`;
  if (typeof tokenFile === 'string') return `Bearer ${(await readFile(resolve(base, tokenFile), 'utf8')).trim()}`;
  if (typeof username === 'string')
    return `Basic ${Buffer.from(`${username}:${String(password ?? '')}`).toString('base64')}`;
  return undefined;
}
