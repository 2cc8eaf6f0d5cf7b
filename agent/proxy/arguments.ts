/** Envoy's command line. */
import type { ProxySettings } from './settings.ts';

const textFormat = '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t';
const jsonFormat =
  '{"level":"%l","time":"%Y-%m-%dT%T.%fZ","scope":"envoy %n","msg":"%j","caller":"%g:%#","thread":"%t"}';

export function buildArguments(
  envoy: ProxySettings['envoy'],
  bootstrapPath: string,
  ipv6Only: boolean,
): readonly string[] {
  return [
    '--config-path',
    bootstrapPath,
    // One Envoy per pod, replaced by a restart: hot restart would only reserve shared memory.
    '--disable-hot-restart',
    '--concurrency',
    String(envoy.concurrency),
    '--drain-time-s',
    String(Math.max(1, Math.round(envoy.drainTime))),
    '--drain-strategy',
    'immediate',
    '--local-address-ip-version',
    ipv6Only ? 'v6' : 'v4',
    '--file-flush-interval-msec',
    '1000',
    '--log-level',
    envoy.logLevel,
    ...(envoy.componentLogLevel === '' ? [] : ['--component-log-level', envoy.componentLogLevel]),
    '--log-format',
    envoy.logAsJson ? jsonFormat : textFormat,
  ];
}
