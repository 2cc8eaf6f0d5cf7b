import { expect } from 'chai';
import { resolveSettings } from '../settings.ts';
import { discoverySettings } from './settings.ts';

const resolve = (flags: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) =>
  resolveSettings(discoverySettings, environment, flags);

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe('settings of discovery', () => {
  it('serve no xDS in plaintext by default, and on loopback only', () => {
    expect(resolve({}).grpcAddr).to.equal('');
    for (const grpcAddr of ['127.0.0.1:15010', 'localhost:15010', '[::1]:15010'])
      expect(resolve({ grpcAddr }).grpcAddr).to.equal(grpcAddr);
  });

  const elsewhere = [':15010', '0.0.0.0:15010', '[::]:15010', '10.0.0.1:15010', '127.0.0.1.example.com:15010', '15010'];
  for (const grpcAddr of elsewhere) {
    it(`refuse ${grpcAddr} for plaintext, and say why, by the name that it was given under`, () => {
      const reason = '(grpcAddr): must be an address on loopback: whoever reaches it is served';
      expect(refusal(() => resolve({ grpcAddr }))).to.include({ code: 'invalid', message: `--grpc-addr ${reason}` });
      expect(refusal(() => resolve({}, { LATEEN_GRPC_ADDR: grpcAddr }))).to.include({
        ...{ code: 'invalid', message: `LATEEN_GRPC_ADDR ${reason}` },
      });
    });
  }
});
