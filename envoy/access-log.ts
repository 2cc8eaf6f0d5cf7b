import { type Message, pack } from '#wire/index.ts';
import { filters } from './names.ts';
import type { AccessLogSettings } from './settings.ts';

type AccessLog = Message<'envoy.config.accesslog.v3.AccessLog'>;

/** Fields of Istio's default access log, in its order; the text form prints values only. */
const defaultFields: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
};

const defaultLine = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%',
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%"',
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%"',
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW%',
  '%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%',
].join(' ');

/** One log entry per request or connection, in Istio's format unless the mesh sets another. */
export function buildFileAccessLog(settings: AccessLogSettings): AccessLog {
  return {
    name: filters.fileAccessLog,
    typedConfig: pack('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path: settings.path,
      logFormat: buildFormat(settings.format),
    }),
  };
}

function buildFormat(format: AccessLogSettings['format']): Message<'envoy.config.core.v3.SubstitutionFormatString'> {
  if (format.encoding === 'JSON') {
    const fields = format.fields ?? defaultFields;
    return { jsonFormat: buildStruct(fields), ...buildFormatters(JSON.stringify(fields)) };
  }
  const line = format.line ?? defaultLine;
  const inlineString = line.endsWith('\n') ? line : `${line}\n`;
  return { textFormatSource: { inlineString }, ...buildFormatters(line) };
}

/** The one operator that Envoy knows only where it is told to. */
function buildFormatters(text: string): Pick<Message<'envoy.config.core.v3.SubstitutionFormatString'>, 'formatters'> {
  if (!text.includes('%REQ_WITHOUT_QUERY(')) return {};
  const typedConfig = pack('envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery', {});
  return { formatters: [{ name: 'envoy.formatter.req_without_query', typedConfig }] };
}

function buildStruct(fields: Readonly<Record<string, unknown>>): Message<'google.protobuf.Struct'> {
  return { fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, buildValue(value)])) };
}

function buildValue(value: unknown): Message<'google.protobuf.Value'> {
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(buildValue) } };
  if (typeof value === 'object' && value !== null) return { structValue: buildStruct({ ...value }) };
  return { nullValue: 'NULL_VALUE' };
}
