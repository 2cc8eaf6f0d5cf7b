import { parse } from 'yaml';
import { LateenError, type Logger } from '#runtime/index.ts';
import { type InjectionSettings, resolveInjectionSettings } from '#webhook/index.ts';

/**
 * The settings in the data of the ConfigMap, which stay as they were `before` while anything in it is wrong; where there were none,
 * what is wrong counts as not said. Undefined while there is nothing that could be read.
 */
export function readInjection(
  data: Readonly<Record<string, string>> | undefined,
  before: InjectionSettings | undefined,
  logger: Logger,
): InjectionSettings | undefined {
  if (data === undefined && before !== undefined) {
    logger.warn('the injection settings are gone; the last valid ones stay in force');
    return before;
  }
  const standIn = before === undefined ? '' : '; the last valid ones stay in force';
  try {
    const { settings, diagnostics } = resolveInjectionSettings(
      parse(data?.config ?? '') ?? {},
      parse(data?.values ?? '') ?? {},
    );
    const isFaulty = diagnostics.some(({ severity }) => severity === 'error');
    for (const { path, message, severity } of diagnostics) {
      const fields = { path, problem: message, severity };
      if (severity === 'error') logger.error(`injection settings are not valid${standIn}`, fields);
      else logger.warn('injection settings', fields);
    }
    return isFaulty && before !== undefined ? before : settings;
  } catch (thrown) {
    logger.error(`injection settings are not YAML${standIn}`, { error: LateenError.from(thrown) });
    return before;
  }
}
