import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { contentHash } from '../setup/cache.ts';
import { filesLayer, type Layer } from './layer.ts';
import type { TarEntry } from './tar.ts';

/** A program of ours as it goes into an image: bundled JavaScript, what it reads beside itself, and a command to start it. */
export interface ProgramPlan {
  /** Its command's name; its files lie in /usr/local/lib/NAME. */
  readonly name: string;
  /** The TypeScript file it starts in. */
  readonly entry: string;
  /** `modules`: what is imported on demand stays a file of its own, loaded when needed. `single`: one CommonJS file, as small as it gets. */
  readonly format: 'modules' | 'single';
  readonly nodeOptions?: readonly string[];
  /** The one command (first argument) that nodeOptions are for; left out: all. */
  readonly tunedCommand?: string;
  /** Further files: path in the image, without a leading slash, to path on this machine. */
  readonly files?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '../..');

// CommonJS packages inside an ES module still ask for require, __filename and __dirname.
const requireBanner = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('');

const formats = {
  modules: { format: 'esm', splitting: true, extension: '.mjs', banner: { js: requireBanner }, isSmall: false },
  single: { format: 'cjs', splitting: false, extension: '.cjs', banner: {}, isSmall: true },
} as const;

/** A program bundled: its JavaScript files by name; the one named as the program, with its format's extension, starts it. */
export async function bundleProgram(plan: ProgramPlan): Promise<ReadonlyMap<string, Uint8Array>> {
  const { format, splitting, extension, banner, isSmall } = formats[plan.format];
  const result = await build({
    absWorkingDir: root,
    entryPoints: { [plan.name]: plan.entry },
    outdir: '/',
    outExtension: { '.js': extension },
    bundle: true,
    splitting,
    format,
    platform: 'node',
    target: 'node24',
    minifyWhitespace: true,
    minifySyntax: true,
    // Short names would have to be given back at run time, to each closure when it is made, for stack traces to be read.
    minifyIdentifiers: isSmall,
    keepNames: isSmall,
    legalComments: 'none',
    banner,
    logLevel: 'silent',
    write: false,
  });
  return new Map(result.outputFiles.map(({ path, contents }) => [path.slice(1), contents]));
}

/** The layer that holds a program. */
export async function programLayer(plan: ProgramPlan, signal?: AbortSignal): Promise<Layer> {
  const folder = `usr/local/lib/${plan.name}`;
  const { extension } = formats[plan.format];
  const bundle = await bundleProgram(plan);
  const entries: TarEntry[] = [
    ...[...bundle].map(
      ([name, content]): TarEntry => ({ type: 'file', path: `${folder}/${name}`, content: Buffer.from(content) }),
    ),
    {
      type: 'file',
      path: `usr/local/bin/${plan.name}`,
      content: renderLauncher(plan, `/${folder}/${plan.name}${extension}`),
      mode: 0o755,
    },
  ];
  for (const [path, source] of Object.entries(plan.files ?? {})) {
    entries.push({ type: 'file', path, content: await readFile(source) });
  }
  const parts = entries.flatMap((entry) => [entry.path, entry.type === 'file' ? entry.content : '']);
  return filesLayer(plan.name, contentHash(...parts), withFolders(entries), signal);
}

/** The shell script that starts a program; `script` is the path of its JavaScript. */
export function renderLauncher(plan: Pick<ProgramPlan, 'nodeOptions' | 'tunedCommand'>, script: string): string {
  const { nodeOptions = [], tunedCommand } = plan;
  const run = (options: readonly string[]) => `exec ${['/usr/local/bin/node', ...options, script].join(' ')} "$@"\n`;
  const choice = tunedCommand === undefined ? '' : `[ "$1" = ${tunedCommand} ] || ${run([])}`;
  return `#!/bin/sh\n${choice}${run(nodeOptions)}`;
}

/** Adds the folders that the files lie in, each before what is in it. */
function withFolders(entries: readonly TarEntry[]): TarEntry[] {
  const seen = new Set<string>();
  return entries.flatMap((entry) => {
    const steps = entry.path.split('/').slice(0, -1);
    const missing: TarEntry[] = [];
    for (let depth = 1; depth <= steps.length; depth += 1) {
      const path = steps.slice(0, depth).join('/');
      if (seen.has(path)) continue;
      seen.add(path);
      missing.push({ type: 'directory', path });
    }
    return [...missing, entry];
  });
}
