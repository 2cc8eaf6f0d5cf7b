/** What depends on what, for debugging: nodes by the labels that errors name them with. Costs a walk over all nodes. */
import type { InputTable } from './inputs.ts';
import { CLEAN, QueryNode, type QueryTable, type Source } from './source.ts';
import type { NodeDescription } from './types.ts';

interface Tables {
  readonly queries: ReadonlyMap<string, QueryTable>;
  readonly inputs: ReadonlyMap<string, InputTable>;
}

/** The node of this label; undefined when there is none at present. */
export function describeNode(tables: Tables, label: string): NodeDescription | undefined {
  const source = findSource(tables, label);
  if (source === undefined) return undefined;
  const isQuery = source instanceof QueryNode;
  return {
    label,
    changedAt: source.changedAt,
    current: source.state === CLEAN,
    failed: isQuery && source.failed,
    dependencies: isQuery ? labelsOf(tables, source.dependencies) : [],
    dependents: [...(source.dependents ?? [])].map((node) => node.label).sort(),
  };
}

function findSource({ queries, inputs }: Tables, label: string): Source | undefined {
  const at = label.indexOf('(');
  if (at !== -1 && label.endsWith(')')) {
    const node = queries.get(label.slice(0, at))?.nodes.get(label.slice(at + 1, -1));
    if (node !== undefined) return node;
  }
  for (const input of inputs.values()) {
    if (!label.startsWith(input.name)) continue;
    for (const [source, name] of input.sources()) if (name === label) return source;
  }
  return undefined;
}

/** Labels in the order in which they were read. */
function labelsOf({ inputs }: Tables, sources: readonly Source[]): readonly string[] {
  const labels = new Map<Source, string>(sources.map((source) => [source, '']));
  let missing = 0;
  for (const source of labels.keys()) {
    if (source instanceof QueryNode) labels.set(source, source.label);
    else missing += 1;
  }
  for (const input of inputs.values()) {
    if (missing === 0) break;
    for (const [source, label] of input.sources()) {
      if (!labels.has(source)) continue;
      labels.set(source, label);
      missing -= 1;
    }
  }
  return [...labels.values()];
}
