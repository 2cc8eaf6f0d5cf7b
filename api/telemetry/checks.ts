/** What a Telemetry must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic } from '../resource.ts';
import { each, eachEntry, errorIf, type Path, warningIf } from '../schema/findings.ts';
import { checkAttachment } from '../shared/attachment.ts';
import type { TelemetrySpec } from './telemetry.ts';

export function checkTelemetry(spec: TelemetrySpec): Diagnostic[] {
  const path: Path = ['spec'];
  return [
    ...checkAttachment(spec, path),
    ...warningIf((spec.tracing ?? []).length > 1, [...path, 'tracing'], 'only the first entry has an effect'),
    ...each(spec.tracing, [...path, 'tracing'], ({ providers, customTags }, at) => [
      ...warningIf((providers ?? []).length > 1, [...at, 'providers'], 'only the first provider has an effect'),
      ...eachEntry(customTags, [...at, 'customTags'], (name, _, here) =>
        errorIf(name === '', here, 'a tag needs a name'),
      ),
    ]),
    ...each(spec.metrics, [...path, 'metrics'], ({ overrides }, at) =>
      each(overrides, [...at, 'overrides'], ({ tagOverrides }, here) =>
        eachEntry(tagOverrides, [...here, 'tagOverrides'], (_, { operation = 'UPSERT', value = '' }, tag) =>
          errorIf(operation === 'UPSERT' && value === '', [...tag, 'value'], 'is required for UPSERT'),
        ),
      ),
    ),
  ];
}
