/** The static checks, in the order they run. Each is a command that exits with 0 when all is well. */
export interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const node = process.execPath;

export const checks: readonly Check[] = [
  { name: 'types', command: node, args: ['node_modules/typescript/bin/tsc', '-p', '.', '--noEmit'] },
  {
    name: 'format and lint',
    command: node,
    args: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--diagnostic-level=error', '.'],
  },
  { name: 'import walls', command: node, args: ['hack/check/boundaries.ts'] },
  { name: 'folder heads', command: node, args: ['hack/check/heads.ts'] },
  { name: 'generated files are current', command: node, args: ['hack/generate/index.ts', '--check'] },
];
