/**
 * Checks every import against the walls. Proves itself first: it must see at least as many modules as there are source
 * files, and must report a violation planted in hack/check/testdata.
 * Usage: node hack/check/boundaries.ts
 */
import { readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { testImports, type Wall, walls } from './walls.ts';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

const plantedRoot = 'hack/check/testdata/planted/';

const sourceFolders = [...new Set(walls.map((wall) => wall.folder.split('/')[0] ?? ''))].filter(
  (folder) => folder !== '',
);

function findWall(file: string): Wall | undefined {
  return walls.filter((wall) => file.startsWith(wall.folder)).sort((a, b) => b.folder.length - a.folder.length)[0];
}

function packageName(module: string): string {
  const path = module.replace(/^.*node_modules\//, '');
  const parts = path.split('/');
  return path.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? path);
}

function planViolation(from: string, to: string): Violation | undefined {
  const wall = findWall(from);
  if (wall === undefined) return { from, to, reason: 'this folder has no wall: add it to hack/check/walls.ts' };
  const isTest = from.endsWith('.test.ts') || from.includes('/testing/');
  if (isBuiltin(to)) return undefined;
  if (to.includes('node_modules/')) {
    const name = packageName(to).replace(/^@types\//, '');
    const allowed = [...wall.packages, ...(isTest ? testImports.packages : [])];
    if (allowed.includes('*') || allowed.includes(name)) return undefined;
    return { from, to: name, reason: `${wall.folder} may import the packages: ${allowed.join(', ') || 'none'}` };
  }
  const target = findWall(to);
  if (to.startsWith(wall.folder) && target?.folder === wall.folder) return undefined;
  const allowed = [wall.folder, ...wall.folders, ...(isTest ? testImports.folders : [])];
  if (allowed.some((prefix) => to.startsWith(prefix))) return undefined;
  return { from, to, reason: `${wall.folder} may import: ${wall.folders.join(', ') || 'nothing'}` };
}

async function collectViolations(
  folders: readonly string[],
  root = '',
): Promise<{ modules: number; violations: Violation[] }> {
  const result = await cruise(
    [...folders],
    {
      doNotFollow: { path: 'node_modules' },
      tsPreCompilationDeps: true,
      tsConfig: { fileName: 'tsconfig.json' },
      enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
      ruleSet: {
        forbidden: [
          {
            name: 'no-cycles',
            severity: 'error',
            from: { pathNot: '\\.test\\.ts$' },
            to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
          },
        ],
      },
    },
    undefined,
    undefined,
  );
  const output = result.output as ICruiseResult;
  const violations: Violation[] = output.summary.violations.map((violation) => ({
    from: violation.from,
    to: violation.to,
    reason: `cycle: ${(violation.cycle ?? []).map((step) => step.name).join(' -> ')}`,
  }));
  let modules = 0;
  for (const module of output.modules) {
    if (!module.source.endsWith('.ts') || module.source.includes('node_modules/')) continue;
    modules += 1;
    for (const dependency of module.dependencies) {
      const to = dependency.couldNotResolve ? `node_modules/${dependency.module}` : dependency.resolved;
      if (dependency.coreModule) continue;
      const violation = planViolation(module.source.slice(root.length), to);
      if (violation !== undefined) violations.push(violation);
    }
  }
  return { modules, violations };
}

function countSources(): number {
  return sourceFolders.reduce(
    (sum, folder) =>
      sum +
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
        (name) => name.endsWith('.ts') && !name.includes('node_modules'),
      ).length,
    0,
  );
}

/** The planted file lies in a folder of its own and is read as if it stood in graph/. */
async function provePlanted(): Promise<void> {
  const { violations } = await collectViolations([plantedRoot], plantedRoot);
  const caught = violations.map((violation) => violation.to);
  if (!caught.includes('pino') || !caught.some((to) => to.startsWith('xds/'))) {
    throw new Error(
      `the boundary check is blind: it must report the planted imports of pino and xds/, it reported ${JSON.stringify(caught)}`,
    );
  }
}

await provePlanted();
const { modules, violations } = await collectViolations(sourceFolders);
const sources = countSources();
if (modules < sources) {
  process.stderr.write(`boundaries: saw only ${modules} of ${sources} source files\n`);
  process.exit(1);
}
for (const violation of violations)
  process.stderr.write(`${violation.from} imports ${violation.to}: ${violation.reason}\n`);
process.stdout.write(
  `boundaries: ${modules} files checked, planted violation caught, ${violations.length} violations\n`,
);
process.exit(violations.length === 0 ? 0 : 1);
