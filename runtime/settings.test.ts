import { expect } from 'chai';
import * as z from 'zod';
import { describeSettings, durationSetting, parseSettings, processSettings, renderProblems } from './index.ts';

const schema = z.object({
  ...processSettings,
  grpcAddr: z.string().default('127.0.0.1:15010').describe('plaintext xDS address'),
  xds: z
    .object({ warmTimeout: durationSetting().prefault('5s'), maxStreams: z.number().int().positive().optional() })
    .prefault({}),
  dryRun: z.boolean().default(false),
  namespaces: z.array(z.string()).default([]),
});

function settings(env: Record<string, string>, flags: Record<string, string | boolean>) {
  const result = parseSettings(schema, env, flags);
  if (!result.ok) throw new Error(renderProblems(result.problems));
  return result.settings;
}

describe('settings', () => {
  it('have defaults for everything', () => {
    expect(settings({}, {})).to.deep.equal({
      log: { level: 'info' },
      shutdownTimeout: 20_000,
      grpcAddr: '127.0.0.1:15010',
      xds: { warmTimeout: 5000 },
      dryRun: false,
      namespaces: [],
    });
  });

  it('come from the environment and from flags, and the flag wins', () => {
    const { grpcAddr, xds } = settings(
      { LATEEN_GRPC_ADDR: ':1', LATEEN_XDS_MAX_STREAMS: '7', UNRELATED: 'x' },
      { '--grpc-addr': ':2', xdsWarmTimeout: '1m30s' },
    );
    expect(grpcAddr).to.equal(':2');
    expect(xds).to.deep.equal({ warmTimeout: 90_000, maxStreams: 7 });
  });

  it('are converted to what the schema declares', () => {
    expect(settings({}, { 'dry-run': true }).dryRun).to.equal(true);
    expect(settings({ LATEEN_DRY_RUN: 'true' }, {}).dryRun).to.equal(true);
    expect(settings({ LATEEN_NAMESPACES: 'a, b' }, {}).namespaces).to.deep.equal(['a', 'b']);
  });

  it('report everything that is wrong at once, by the name that the user wrote', () => {
    const result = parseSettings(
      schema,
      { LATEEN_XDS_MAX_STREAMS: 'many', LATEEN_LOG_LEVEL: 'chatty' },
      { 'xds-warm-timeout': '5 parsecs', 'grcp-addr': ':1' },
    );
    expect(result.ok).to.equal(false);
    const problems = result.ok ? [] : result.problems;
    expect(problems.map(({ path, source }) => `${source} ${path}`)).to.have.members([
      '--grcp-addr grcp-addr',
      'LATEEN_LOG_LEVEL log.level',
      '--xds-warm-timeout xds.warmTimeout',
      'LATEEN_XDS_MAX_STREAMS xds.maxStreams',
    ]);
    expect(renderProblems(problems)).to.contain('--xds-warm-timeout (xds.warmTimeout): "5 parsecs" is not a duration');
  });

  it('describe themselves', () => {
    expect(describeSettings(schema)).to.deep.include({
      path: 'log.level',
      flag: '--log-level',
      variable: 'LATEEN_LOG_LEVEL',
      description: 'least severe level that is logged',
    });
  });
});
