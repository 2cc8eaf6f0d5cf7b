/** The agent as the image ships it: one file, and what went into it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How the image starts the agent; what each flag saves was measured by test/bench/agent.ts. */
export const agentNodeFlags = [
  // The agent collects once it is idle: 3 MB.
  '--expose-gc',
  '--max-semi-space-size=1',
  // It interprets: the compilers' pages and code are worth 4 MB, and nothing in it runs hot.
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  // Node's own start-up snapshot maps what an agent never uses: 4 MB, paid with 75 ms of CPU at the start.
  '--no-node-snapshot',
] as const;
export const agentEnvironment = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1' } as const;

export interface AgentBundle {
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  /** npm packages whose code is in the bundle, sorted. */
  readonly packages: readonly string[];
  /** Our own source files in the bundle, relative to the project, sorted. */
  readonly sources: readonly string[];
}

/** Writes `pilot-agent.cjs` into the folder. */
export async function buildAgentBundle(folder: string): Promise<AgentBundle> {
  const path = join(folder, 'pilot-agent.cjs');
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['cmd/pilot-agent.ts'],
    outfile: path,
    bundle: true,
    platform: 'node',
    // As an ES module every export of node:http would be evaluated, its WebSocket too, and with it all of undici: 7 MB.
    format: 'cjs',
    target: 'node24',
    metafile: true,
    logLevel: 'silent',
  });
  const [output] = Object.values(result.metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const packages = new Set<string>();
  const sources: string[] = [];
  for (const [file] of inputs) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
    if (name === undefined) sources.push(file);
    else packages.add(name);
  }
  return { path, size: output?.bytes ?? 0, packages: [...packages].sort(), sources: sources.sort() };
}
