import { expect } from 'chai';
import { codec } from '#wire/agent.ts';
import { createLogger } from '../log.ts';
import { rootSecret, SecretStore, secretType, workloadSecret } from './secrets.ts';
import { sdsMethods } from './session.ts';

const requestType = 'envoy.service.discovery.v3.DiscoveryRequest';
const responseType = 'envoy.service.discovery.v3.DiscoveryResponse';
const deltaRequestType = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const deltaResponseType = 'envoy.service.discovery.v3.DeltaDiscoveryResponse';
const secretName = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/** A session over a fresh store, and what it logs. */
function open(method: keyof typeof sdsMethods) {
  const store = new SecretStore();
  const lines: string[] = [];
  const clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };
  const log = createLogger({ level: 'debug', json: false, clock, write: (line) => lines.push(line) });
  return { store, lines, session: sdsMethods[method](store, log) };
}

describe('SDS, state of the world', () => {
  const setup = () => {
    const { store, lines, session } = open('StreamSecrets');
    const read = (bytes: Uint8Array | undefined) => (bytes ? codec.decode(responseType, bytes) : undefined);
    const ask = (request: Parameters<typeof codec.encode<typeof requestType>>[1]) =>
      read(session.receive(codec.encode(requestType, { typeUrl: secretType, ...request })));
    return { store, lines, ask, refresh: () => read(session.refresh()) };
  };

  it('answers once the secret is there, then only what changed', () => {
    const { store, ask, refresh } = setup();
    expect(ask({ resourceNames: [workloadSecret] })).to.equal(undefined);
    store.setRoots('roots');
    expect(refresh(), 'not asked for').to.equal(undefined);
    store.setCertificate('chain', 'key');
    const first = refresh();
    expect(first?.nonce).to.equal('1');
    const [any] = first?.resources ?? [];
    const secret = codec.decode(secretName, any?.value ?? new Uint8Array());
    expect(Buffer.from(secret.tlsCertificate?.certificateChain?.inlineBytes ?? []).toString()).to.equal('chain');
    expect(Buffer.from(secret.tlsCertificate?.privateKey?.inlineBytes ?? []).toString()).to.equal('key');
    expect(
      ask({ resourceNames: [workloadSecret], responseNonce: '1', versionInfo: first?.versionInfo ?? '' }),
    ).to.equal(undefined);
    expect(refresh()).to.equal(undefined);
    store.setCertificate('next chain', 'next key');
    expect(refresh()?.nonce).to.equal('2');
  });

  it('answers a new stream even when it says which version it has', () => {
    const { store, ask } = setup();
    store.setRoots('roots');
    expect(
      ask({ resourceNames: [rootSecret], versionInfo: store.get(rootSecret)?.version ?? '' })?.resources,
    ).to.have.length(1);
  });

  it('does not repeat what Envoy refused, and logs its reason', () => {
    const { store, lines, ask, refresh } = setup();
    store.setRoots('broken');
    ask({ resourceNames: [rootSecret] });
    const refusal = { resourceNames: [rootSecret], responseNonce: '1', errorDetail: { code: 3, message: 'no PEM' } };
    expect(ask(refusal)).to.equal(undefined);
    expect(lines.join('')).to.contain('secret rejected by Envoy').and.to.contain('no PEM');
    store.setRoots('mended');
    expect(refresh()?.nonce).to.equal('2');
  });

  it('ignores an answer to an older response, and names that are no secret of ours', () => {
    const { store, lines, ask } = setup();
    store.setRoots('roots');
    ask({ resourceNames: [rootSecret] });
    expect(ask({ resourceNames: [], responseNonce: '0' })).to.equal(undefined);
    expect(ask({ resourceNames: ['file-root:'], responseNonce: '1' })).to.equal(undefined);
    expect(lines.join('')).to.contain('unknown secret asked for');
  });

  it('tells the store what is asked for, and what no longer is', () => {
    const { store, session } = open('StreamSecrets');
    const ask = (...resourceNames: readonly string[]) =>
      session.receive(codec.encode(requestType, { typeUrl: secretType, resourceNames: [...resourceNames] }));
    ask(rootSecret, 'file-root:/a', 'other');
    expect(store.wanted).to.deep.equal([rootSecret, 'file-root:/a']);
    ask(rootSecret, 'file-root:/b');
    expect(store.wanted).to.deep.equal([rootSecret, 'file-root:/b']);
    session.close();
    expect(store.wanted).to.deep.equal([]);
  });

  it('throws on bytes that are no request', () => {
    const { session } = open('StreamSecrets');
    expect(() => session.receive(Uint8Array.of(0xff, 0xff, 0xff))).to.throw();
  });
});

describe('SDS, delta', () => {
  const setup = () => {
    const { store, session } = open('DeltaSecrets');
    const read = (bytes: Uint8Array | undefined) => (bytes ? codec.decode(deltaResponseType, bytes) : undefined);
    const ask = (request: Parameters<typeof codec.encode<typeof deltaRequestType>>[1]) =>
      read(session.receive(codec.encode(deltaRequestType, { typeUrl: secretType, ...request })));
    return { store, ask, refresh: () => read(session.refresh()) };
  };

  it('sends what is subscribed to and changed, until it is unsubscribed', () => {
    const { store, ask, refresh } = setup();
    store.setRoots('roots');
    expect(
      ask({ resourceNamesSubscribe: [rootSecret, workloadSecret] })?.resources?.map(({ name }) => name),
    ).to.deep.equal([rootSecret]);
    store.setCertificate('chain', 'key');
    expect(refresh()?.resources?.map(({ name }) => name)).to.deep.equal([workloadSecret]);
    expect(ask({ resourceNamesUnsubscribe: [workloadSecret], responseNonce: '2' })).to.equal(undefined);
    store.setCertificate('next', 'key');
    expect(refresh()).to.equal(undefined);
  });

  it('sends nothing again to a stream that comes back with the same version, and again to one that asks again', () => {
    const { store, ask } = setup();
    store.setRoots('roots');
    const version = store.get(rootSecret)?.version ?? '';
    expect(ask({ resourceNamesSubscribe: [rootSecret], initialResourceVersions: { [rootSecret]: version } })).to.equal(
      undefined,
    );
    expect(ask({ resourceNamesSubscribe: [rootSecret] })?.resources).to.have.length(1);
  });

  it('says that a name is none of ours', () => {
    const { ask } = setup();
    expect(ask({ resourceNamesSubscribe: ['other'] })?.removedResources).to.deep.equal(['other']);
  });
});
