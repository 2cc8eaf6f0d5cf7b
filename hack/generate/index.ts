/**
 * Owns: everything that is generated and committed. Run without arguments it rewrites the files; with `--check` it
 * changes nothing and fails when a file is not what it would write.
 * May import: anything. Invariant: the same sources give the same bytes.
 */
import { customResourceDefinitions } from './crds.ts';
import { type GeneratedFile, staleFiles, writeFiles } from './files.ts';

const generators: readonly (() => Promise<readonly GeneratedFile[]>)[] = [customResourceDefinitions];

async function run(args: readonly string[]): Promise<number> {
  const unexpected = args.filter((arg) => arg !== '--check');
  if (unexpected.length > 0) {
    process.stderr.write(`unknown argument ${unexpected.join(' ')}; the only one is --check\n`);
    return 2;
  }
  const files = (await Promise.all(generators.map((generate) => generate()))).flat();
  if (!args.includes('--check')) {
    const changed = await writeFiles(files);
    process.stdout.write(`${files.length} generated files, ${changed.length} changed\n`);
    return 0;
  }
  const stale = await staleFiles(files);
  for (const { path, reason } of stale) process.stderr.write(`${path}: ${reason}\n`);
  if (stale.length > 0)
    process.stderr.write('generated files are not current: run `npm run generate` and commit them\n');
  return stale.length === 0 ? 0 : 1;
}

process.exitCode = await run(process.argv.slice(2));
