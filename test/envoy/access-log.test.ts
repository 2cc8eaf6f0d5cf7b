import { expect } from 'chai';
import { parseMeshConfig } from '#api/index.ts';
import { logOperators } from '#api/mesh/logoperators.ts';
import { buildListener, type ListenerSettings } from '#envoy/index.ts';
import type { Listener } from '#model/types/index.ts';
import { buildStaticBootstrap, validate } from '#test/support/envoy.ts';
import { listeners } from '#test/support/resolved/index.ts';
import { resolveListenerSettings } from '#translate/settings.ts';

const [listener] = Object.values(listeners);

/** What the real Envoy says of a listener with this format; empty when it accepts it. */
async function refusal(accessLogEncoding: 'TEXT' | 'JSON', accessLogFormat: string): Promise<string> {
  const settings: ListenerSettings = resolveListenerSettings({
    ...{ accessLogFile: '/dev/stdout', accessLogEncoding, accessLogFormat },
  });
  const messages = [buildListener(listener as Listener, settings)];
  return (await validate(buildStaticBootstrap({ clusters: [], listeners: messages }))).join('\n');
}

const complaints = (accessLogFormat: string) => {
  const parsed = parseMeshConfig({ accessLogFormat });
  return parsed.ok ? [] : parsed.errors.map(({ message }) => message);
};

/** Arguments of operators that do not take any word. */
const words: Readonly<Record<string, readonly string[]>> = {
  CEL: ['request.url_path.startsWith("/a%")'],
  TYPED_CEL: ['response.code'],
  COALESCE: ['{"operators": ["HOSTNAME", {"command": "REQ", "param": ":authority"}]}'],
  COMMON_DURATION: ['DS_RX_BEG:DS_TX_END:ms', 'US_CX_BEG:US_CX_END:us', 'a::ns'],
  FILTER_STATE: ['a', 'a:', 'a:PLAIN', 'a:TYPED', 'a:FIELD:b:c'],
  UPSTREAM_FILTER_STATE: ['a:PLAIN'],
  GRPC_STATUS: ['CAMEL_STRING', 'SNAKE_STRING', 'NUMBER'],
  METADATA: [
    'DYNAMIC:a',
    'CLUSTER:a:b',
    'ROUTE',
    'UPSTREAM_HOST:a',
    'LISTENER:a',
    'LISTENER_FILTER_CHAIN:a',
    'VIRTUAL_HOST:a',
  ],
  PATH: ['WQ', 'NQ:ORIG', 'NQ:PATH', ':ORIG_OR_PATH', 'NQ:'],
  QUERY_PARAMS: ['ORIG', 'DECODED'],
  REQ: ['a', ':method', 'X-A?:path', 'a?', "!#$&'*+-.^_`|~"],
  REQUESTED_SERVER_NAME: ['SNI_ONLY', 'SNI_FIRST:ORIG', 'HOST_FIRST:HOST', ':ORIG_OR_HOST'],
  START_TIME: ['%Y/%m/%dT%H:%M:%S%z %s.%3f', 'a(b)c'],
};

/** Every form in which the operator may be written. */
const forms = [...logOperators].flatMap(([name, { argument, length }]) => {
  const written = [
    ...(argument === 'required' ? [] : ['']),
    ...(argument === 'none' ? [] : (words[name] ?? ['a']).map((word) => `(${word})`)),
  ];
  return written.flatMap((text) => [`%${name}${text}%`, ...(length ? [`%${name}${text}:10%`] : [])]);
});

describe('operators of access logs', () => {
  it('are all known to the real Envoy, as text and as JSON', async () => {
    expect(forms).to.have.length.above(150);
    const line = `100%% ${forms.join(' ')}`;
    expect(complaints(line)).to.deep.equal([]);
    expect(await refusal('TEXT', line)).to.equal('');
    expect(await refusal('JSON', JSON.stringify({ all: forms, each: Object.fromEntries(forms.entries()) }))).to.equal(
      '',
    );
  });

  const wrong: readonly string[] = [
    ...[
      '%RESPONSE_COD%',
      '%FILE_CONTENT(/a)%',
      '%protocol%',
      '%PROTOCOL',
      '%PROTOCOL %',
      '%',
      '%REQ(a)x%',
      '%REQ(a):x%',
    ],
    ...[
      '%REQ%',
      '%REQ()%',
      '%REQ(a?b?c)%',
      '%REQ(a b)%',
      '%REQ(::a)%',
      '%PROTOCOL(a)%',
      '%PROTOCOL:3%',
      '%GRPC_STATUS(X)%',
    ],
    ...[
      '%CLUSTER_METADATA(a):3%',
      '%START_TIME(%n)%',
      '%PATH(x)%',
      '%PATH(NQ:x)%',
      '%QUERY_PARAMS(x)%',
      '%METADATA(X:a)%',
    ],
    ...['%FILTER_STATE(:PLAIN)%', '%FILTER_STATE(a:FIELD)%', '%FILTER_STATE(a:PLAIN:b)%', '%FILTER_STATE(a:X)%'],
    ...[
      '%COMMON_DURATION(a)%',
      '%COMMON_DURATION(a:b:x)%',
      '%REQUESTED_SERVER_NAME(x)%',
      '%REQUESTED_SERVER_NAME(SNI_ONLY:x)%',
    ],
  ];
  for (const format of wrong) {
    it(`are refused before the real Envoy does it: ${format}`, async () => {
      expect(complaints(format)).to.have.length(1);
      expect(await refusal('TEXT', format)).to.contain('refused with exit code');
    });
  }
});
