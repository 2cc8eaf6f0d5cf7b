import type { ListenerSettings } from '#envoy/index.ts';
import type { MeshSettings } from '#model/index.ts';

/** What MeshConfig asks of listeners. A JSON format that is no JSON falls back to Istio's default fields. */
export function resolveListenerSettings(
  mesh: Pick<MeshSettings, 'accessLogFile' | 'accessLogEncoding' | 'accessLogFormat'>,
): ListenerSettings {
  if (mesh.accessLogFile === '') return { metrics: true };
  return { metrics: true, accessLog: { path: mesh.accessLogFile, format: resolveFormat(mesh) } };
}

type Format = NonNullable<ListenerSettings['accessLog']>['format'];

function resolveFormat(mesh: Pick<MeshSettings, 'accessLogEncoding' | 'accessLogFormat'>): Format {
  const { accessLogEncoding: encoding, accessLogFormat: format } = mesh;
  if (encoding === 'TEXT') return format === '' ? { encoding } : { encoding, line: format };
  const fields = parseObject(format);
  return fields === undefined ? { encoding } : { encoding, fields };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
