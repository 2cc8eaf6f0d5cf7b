/**
 * Checks the habits that no linter knows: each stage's index opens with what it owns and may import, and no source file
 * grows past the size at which it stops being one idea.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const stages = [
  'api',
  'runtime',
  'runtime/core',
  'graph',
  'model',
  'kube',
  'registry',
  'wire',
  'envoy',
  'translate',
  'xds',
  'ca',
  'webhook',
  'controllers',
  'agent',
];
const longest = 500;

const faults: string[] = [];
for (const stage of stages) {
  const text = readFileSync(join(stage, 'index.ts'), 'utf8');
  const head = text.slice(0, text.indexOf('*/'));
  if (!text.startsWith('/**') || !/\bowns?\b/i.test(head) || !/\bmay import\b/i.test(head)) {
    faults.push(`${stage}/index.ts must open with a comment that says what it owns and what it may import`);
  }
}
for (const folder of [...stages.filter((stage) => !stage.includes('/')), 'cmd', 'hack', 'test']) {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (
      !name.endsWith('.ts') ||
      name.includes('node_modules') ||
      name.includes('generated') ||
      name.includes('testdata')
    )
      continue;
    const lines = readFileSync(join(folder, name), 'utf8').split('\n').length;
    if (lines > longest)
      faults.push(`${folder}/${name} has ${lines} lines: at ${longest} a file is no longer one idea`);
  }
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`heads: ${stages.length} folders, ${faults.length} faults\n`);
process.exit(faults.length === 0 ? 0 : 1);
