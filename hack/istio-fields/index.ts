/**
 * Owns: the record of every field in Istio's public definitions, which our own are compared with.
 * May import: anything. Run by hand when Istio releases; needs Go and its module proxy. The record holds facts only:
 * paths, types, bounds and rules, none of Istio's texts.
 * Usage: node hack/istio-fields/index.ts [version]
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { collectKindFacts, type KindFacts } from './fields.ts';

/** The newest there is: it holds every field of release 1.31.4 and those of the release after it. */
const defaultVersion = 'v1.31.0-alpha.1.0.20260819121012-5803fb6accf7';
const target = join(import.meta.dirname, '..', '..', 'api', 'testdata', 'istio-fields.json');

async function downloadModule(version: string): Promise<string> {
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', `istio.io/api@${version}`], {
    cwd: tmpdir(),
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  const answer: { Dir?: string } = JSON.parse(stdout);
  if (answer.Dir === undefined) throw new Error(`the module istio.io/api@${version} has no folder`);
  return answer.Dir;
}

/** One field a line, so that a new release reads as a diff. */
function render(version: string, kinds: KindFacts): string {
  const body = Object.entries(kinds)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { versions, fields }]) => {
      const lines = Object.entries(fields).map(([path, fact]) => `  ${JSON.stringify(path)}: ${JSON.stringify(fact)}`);
      return `${JSON.stringify(kind)}: {"versions": ${JSON.stringify(versions)}, "fields": {\n${lines.join(',\n')}\n}}`;
    });
  return `{"source": "istio.io/api@${version}", "kinds": {\n${body.join(',\n')}\n}}\n`;
}

const version = process.argv[2] ?? defaultVersion;
const folder = await downloadModule(version);
const text = await readFile(join(folder, 'kubernetes', 'customresourcedefinitions.gen.yaml'), 'utf8');
const manifests = parseAllDocuments(text)
  .map((document) => document.toJS())
  .filter((manifest) => manifest !== null);
await writeFile(target, render(version, collectKindFacts(manifests)));
process.stdout.write(`${target}: ${manifests.length} kinds of istio.io/api@${version}\n`);
