import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AgentBundle, buildAgentBundle } from '#test/support/bundle.ts';

/** Each of these costs memory in every pod of a mesh: the list grows only with a measurement and a reason. `long` is protobufjs' own; `yaml` is
 * text that nothing runs in a pod, worth 0.1 MB of private memory. */
const allowedPackages = ['long', 'protobufjs', 'yaml'];
const allowedFolders = [
  'agent/',
  'api/constants.ts',
  'cmd/pilot-agent.ts',
  'envoy/bootstrap/',
  'runtime/core/',
  'wire/',
];

describe('the agent’s bundle', () => {
  let folder: string;
  let bundle: AgentBundle;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    bundle = await buildAgentBundle(folder);
  });

  after(() => rm(folder, { recursive: true }));

  it('holds the allowed packages and no other', () => {
    expect(bundle.packages).to.deep.equal(allowedPackages);
  });

  it('holds our own sources from the allowed folders only', () => {
    const strangers = bundle.sources.filter((file) => !allowedFolders.some((folder) => file.startsWith(folder)));
    expect(strangers).to.deep.equal([]);
    expect(bundle.sources).to.include('agent/proxy/supervisor.ts');
  });

  it('does not carry the descriptors of all of Envoy', () => {
    expect(bundle.size).to.be.below(650_000);
  });
});
