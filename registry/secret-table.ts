import { isDeepStrictEqual } from 'node:util';
import type { Edit } from '#graph/index.ts';
import type { MeshInputs, TlsSecret } from '#model/index.ts';
import type { Logger } from '#runtime/index.ts';
import type { AnyObject, ClusterContext } from './decode/objects.ts';
import { parseTlsSecret } from './decode/secret.ts';

/** Writes Secrets. What one held that was valid stands in for what it holds now and is not. */
export function createSecretTable(
  inputs: Pick<MeshInputs, 'tlsSecrets'>,
  context: ClusterContext,
  logger: Logger,
  now?: () => number,
): (edit: Edit, key: string, object: AnyObject | undefined) => void {
  const written = new Map<string, TlsSecret>();
  return (edit, key, object) => {
    const before = written.get(key);
    const secret = object === undefined ? undefined : parseTlsSecret(object, context, before, now?.());
    if (secret === undefined) {
      written.delete(key);
      edit.delete(inputs.tlsSecrets, key);
      return;
    }
    written.set(key, secret);
    edit.set(inputs.tlsSecrets, key, secret);
    const { namespace, name, problems } = secret;
    if (problems === undefined || isDeepStrictEqual(problems, before?.problems)) return;
    logger.error('a Secret is not valid; what was valid of it stays in force', {
      namespace,
      name,
      problem: Object.values(problems).join('; '),
    });
  };
}
