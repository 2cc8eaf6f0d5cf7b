/** Flags and environment into settings, the same way for every command. */
import type { Command } from 'commander';
import type * as z from 'zod';
import {
  describeSettings,
  type Environment,
  type Flags,
  LateenError,
  parseSettings,
  renderProblems,
} from '#runtime/index.ts';

/** Variables that Istio's manifests set, and the settings they mean here. */
const istioVariables: Readonly<Record<string, string>> = {
  REVISION: 'LATEEN_REVISION',
  CLUSTER_ID: 'LATEEN_CLUSTER_ID',
  POD_NAME: 'LATEEN_POD_NAME',
  POD_NAMESPACE: 'LATEEN_NAMESPACE',
  POD_IP: 'LATEEN_POD_IP',
  HOST_IP: 'LATEEN_HOST_IP',
  SERVICE_ACCOUNT: 'LATEEN_SERVICE_ACCOUNT',
  PILOT_WORKLOAD_ENTRY_GRACE_PERIOD: 'LATEEN_WORKLOAD_GRACE_PERIOD',
};

/** Adds one option per setting to a command, so that its help is the reference. */
export function declareFlags(command: Command, schema: z.ZodType): Command {
  for (const { flag, description, variable } of describeSettings(schema)) {
    command.option(`${flag} [value]`, `${description} (${variable})`);
  }
  return command
    .option('--log_output_level [level]', "Istio's spelling of --log-level, e.g. default:info")
    .option('--log_as_json', 'accepted for compatibility: logs are always JSON lines');
}

/** @throws LateenError `invalid` that names every wrong setting as the user wrote it */
export function resolveSettings<S>(schema: z.ZodType<S>, environment: Environment, options: Flags): S {
  const { log_output_level, logOutputLevel, log_as_json, logAsJson, ...flags } = options;
  const level = logOutputLevel ?? log_output_level;
  const renamed: Record<string, string | undefined> = { ...environment };
  for (const [theirs, ours] of Object.entries(istioVariables)) renamed[ours] ??= environment[theirs];
  const istioLevel =
    typeof level === 'string' ? { logLevel: level.split(',')[0]?.replace(/^.*:/, '').replace('warning', 'warn') } : {};
  const result = parseSettings(schema, renamed, { ...istioLevel, ...flags });
  if (!result.ok) throw new LateenError('invalid', renderProblems(result.problems));
  return result.settings;
}

/** `host:port`, `:port` for every address; an empty text means: not served. */
export function parseAddress(text: string): { readonly host?: string; readonly port: number } | undefined {
  if (text === '') return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new LateenError('invalid', `"${text}" is not an address such as 127.0.0.1:15010 or :15010`);
  const host = match[1] ?? match[2] ?? '';
  return { port, ...(host === '' ? {} : { host }) };
}
