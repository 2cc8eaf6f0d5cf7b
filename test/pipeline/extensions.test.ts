import { expect } from 'chai';
import { EXTENSION_URL, LISTENER_URL, openDelta, openWorld, sidecarNode } from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { serve } from '#test/support/snapshots.ts';
import { decode, pack, unpack } from '#wire/index.ts';

const listener = (name: string, statPrefix = '') =>
  serve('envoy.config.listener.v3.Listener', name, { name, statPrefix });

const FILTER = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';

/** A filter that is delivered by itself. */
const extension = (name: string, prefix: string) =>
  serve('envoy.config.core.v3.TypedExtensionConfig', name, {
    name,
    typedConfig: pack(FILTER, { statPrefix: prefix }),
  });
/** Name of an extension, and the prefix that its filter has. */
const contentOf = (bytes: Uint8Array = new Uint8Array()) => {
  const { name, typedConfig = {} } = decode('envoy.config.core.v3.TypedExtensionConfig', bytes);
  return [name, unpack(FILTER, typedConfig)?.statPrefix];
};

describe('extensions that a source serves', () => {
  let server: DiscoveryServer;
  const streams: { close(): void }[] = [];

  beforeEach(async () => {
    server = await startDiscovery();
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
  });

  it('come to who names them, again when they change, and stay with the client until it gives them up', async () => {
    server.source.publish(extension('limit', '1'), extension('other', '1'), listener('http', '1'));
    const stream = openDelta(server.port);
    streams.push(stream);
    const take = async (url: string) => {
      const response = await stream.next();
      expect(response.typeUrl).to.equal(url);
      stream.send({ typeUrl: url, responseNonce: response.nonce });
      expect(response.removedResources ?? []).to.deep.equal([]);
      return (response.resources ?? []).map(({ resource }) =>
        url === EXTENSION_URL ? contentOf(resource?.value) : resource?.typeUrl,
      );
    };
    stream.send({ node: sidecarNode('web'), typeUrl: EXTENSION_URL, resourceNamesSubscribe: ['limit'] });
    expect(await take(EXTENSION_URL)).to.deep.equal([['limit', '1']]);
    stream.send({ typeUrl: LISTENER_URL });
    expect(await take(LISTENER_URL)).to.deep.equal([LISTENER_URL]);
    server.source.publish(extension('limit', '2'), extension('other', '2'), listener('http', '1'));
    expect(await take(EXTENSION_URL)).to.deep.equal([['limit', '2']]);
    // The listener needs it no more. A removal would come before its next version, and take the filter from the present one.
    server.source.publish(extension('other', '2'), listener('http', '2'));
    expect(await take(LISTENER_URL)).to.deep.equal([LISTENER_URL]);
    stream.send({ typeUrl: EXTENSION_URL, resourceNamesUnsubscribe: ['limit'] });
    stream.send({ typeUrl: EXTENSION_URL, resourceNamesSubscribe: ['other'] });
    expect(await take(EXTENSION_URL)).to.deep.equal([['other', '2']]);
    server.source.publish(extension('limit', '3'), extension('other', '3'), listener('http', '2'));
    expect(await take(EXTENSION_URL)).to.deep.equal([['other', '3']]);
    expect(stream.waiting).to.deep.equal([]);
  });

  it('come alike in the state of the world', async () => {
    server.source.publish(extension('limit', '1'), extension('other', '1'), listener('http', '1'));
    const stream = openWorld(server.port);
    streams.push(stream);
    let interest = ['limit'];
    const take = async (url: string) => {
      const { resources = [], nonce, versionInfo, ...response } = await stream.next();
      expect(response.typeUrl).to.equal(url);
      const resourceNames = url === EXTENSION_URL ? interest : [];
      stream.send({ typeUrl: url, responseNonce: nonce, versionInfo, resourceNames });
      const told = resources.map(({ value, ...resource }) =>
        url === EXTENSION_URL ? contentOf(value) : resource.typeUrl,
      );
      return { told, nonce, versionInfo };
    };
    stream.send({ node: sidecarNode('web'), typeUrl: EXTENSION_URL, resourceNames: interest });
    expect((await take(EXTENSION_URL)).told).to.deep.equal([['limit', '1']]);
    stream.send({ typeUrl: LISTENER_URL });
    expect((await take(LISTENER_URL)).told).to.deep.equal([LISTENER_URL]);
    server.source.publish(extension('limit', '2'), extension('other', '2'), listener('http', '1'));
    const { told, nonce, versionInfo } = await take(EXTENSION_URL);
    expect(told).to.deep.equal([['limit', '2']]);
    server.source.publish(extension('other', '2'), listener('http', '2'));
    expect((await take(LISTENER_URL)).told).to.deep.equal([LISTENER_URL]);
    interest = ['other'];
    stream.send({ typeUrl: EXTENSION_URL, responseNonce: nonce, versionInfo, resourceNames: interest });
    expect((await take(EXTENSION_URL)).told).to.deep.equal([['other', '2']]);
    server.source.publish(extension('limit', '3'), extension('other', '3'), listener('http', '2'));
    expect((await take(EXTENSION_URL)).told).to.deep.equal([['other', '3']]);
    expect(stream.waiting).to.deep.equal([]);
  });
});
