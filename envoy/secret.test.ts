import { expect } from 'chai';
import { buildSecretConfig } from './secret.ts';

describe('the reference to a secret', () => {
  it('waits ten seconds for one that may not exist, wherever it comes from', () => {
    for (const name of ['kubernetes://cert', 'file-root:/certs/roots.pem'])
      expect(buildSecretConfig(name).sdsConfig?.initialFetchTimeout, name).to.deep.equal({ seconds: 10, nanos: 0 });
  });

  it('waits for the workload’s own certificate and roots however long it takes', () => {
    for (const name of ['default', 'ROOTCA'])
      expect(buildSecretConfig(name).sdsConfig?.initialFetchTimeout, name).to.deep.equal({ seconds: 0, nanos: 0 });
  });
});
