/**
 * From a plan and what the kernel holds (`iptables-save`) to the text that `iptables-restore --noflush` applies at once.
 * Our own chains are rewritten whole; of the built-in chains only our own rules are touched.
 */
import type { Rule } from './rule.ts';

/** One table as `iptables-save` prints it. */
export interface SavedTable {
  readonly chains: readonly string[];
  /** Rules as printed, `-A CHAIN …` split into chain and the rest. */
  readonly rules: readonly { readonly chain: string; readonly args: readonly string[] }[];
}

export type SavedTables = ReadonlyMap<string, SavedTable>;

export function parseSave(text: string): SavedTables {
  const tables = new Map<string, { chains: string[]; rules: { chain: string; args: string[] }[] }>();
  let table = { chains: [] as string[], rules: [] as { chain: string; args: string[] }[] };
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = { chains: [], rules: [] };
      tables.set(line.slice(1).trim(), table);
    } else if (line.startsWith(':')) {
      table.chains.push(line.slice(1).split(' ')[0] ?? '');
    } else if (line.startsWith('-A ')) {
      const [, chain = '', ...args] = line.trim().split(' ');
      table.rules.push({ chain, args });
    }
  }
  return tables;
}

/**
 * One line per difference between plan and kernel; empty when the kernel holds exactly the planned rules, in order, and no
 * other rule of ours. Rules in built-in chains are ours when they jump to our chains or are in `former`.
 */
export function describeDifference(
  plan: readonly Rule[],
  saved: SavedTables,
  former: readonly Rule[] = plan,
): readonly string[] {
  const differences: string[] = [];
  const planned = groupByChain(plan);
  const found = groupByChain(ownRules([...plan, ...former], saved));
  for (const key of new Set([...planned.keys(), ...found.keys()])) {
    const want = (planned.get(key) ?? []).map(fingerprint);
    const have = (found.get(key) ?? []).map(fingerprint);
    if (want.join('\n') === have.join('\n')) continue;
    const missing = want.filter((rule) => !have.includes(rule)).length;
    const extra = have.filter((rule) => !want.includes(rule)).length;
    differences.push(
      missing + extra === 0 ? `${key}: rules in another order` : `${key}: ${missing} missing, ${extra} unexpected`,
    );
  }
  return differences;
}

/** Input of `iptables-restore --noflush` that turns `saved` into `plan`; empty text when nothing is to be done. */
export function renderRestore(plan: readonly Rule[], saved: SavedTables, former: readonly Rule[] = plan): string {
  const own = ownRules([...plan, ...former], saved);
  const sections: string[] = [];
  for (const table of tables) {
    const planned = plan.filter((rule) => rule.table === table);
    const chains = [
      ...new Set(
        planned
          .map((rule) => rule.chain)
          .concat(planned.map(target))
          .filter(isOwnChain),
      ),
    ];
    const stale = (saved.get(table)?.chains ?? []).filter((chain) => isOwnChain(chain) && !chains.includes(chain));
    const lines = [
      ...own
        .filter((rule) => rule.table === table && !isOwnChain(rule.chain))
        .map((rule) => `-D ${rule.chain} ${rule.args.join(' ')}`),
      ...stale.map((chain) => `-F ${chain}`),
      ...stale.map((chain) => `-X ${chain}`),
      ...planned.map((rule) => `-A ${rule.chain} ${rule.args.join(' ')}`),
    ];
    if (chains.length + lines.length === 0) continue;
    // With --noflush, naming one of our chains creates it or empties it.
    sections.push([`*${table}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...lines, 'COMMIT', ''].join('\n'));
  }
  return sections.join('');
}

/** The saved rules that are ours: in our chains, jumping to them, or known as ours in a built-in chain. */
function ownRules(known: readonly Rule[], saved: SavedTables): readonly Rule[] {
  const builtIn = new Set(
    known.filter((rule) => !isOwnChain(rule.chain)).map((rule) => keyOf(rule) + fingerprint(rule)),
  );
  return tables.flatMap((table) =>
    (saved.get(table)?.rules ?? [])
      .map((rule) => ({ table, ...rule }))
      .filter(
        (rule) => isOwnChain(rule.chain) || isOwnChain(target(rule)) || builtIn.has(keyOf(rule) + fingerprint(rule)),
      ),
  );
}

function groupByChain(rules: readonly Rule[]): ReadonlyMap<string, readonly Rule[]> {
  const groups = new Map<string, Rule[]>();
  for (const rule of rules) groups.set(keyOf(rule), [...(groups.get(keyOf(rule)) ?? []), rule]);
  return groups;
}

/** Those that we have rules in. */
const tables = ['raw', 'mangle', 'nat'] as const;

const keyOf = (rule: Rule) => `${rule.table} ${rule.chain}`;

const isOwnChain = (chain: string) => chain.startsWith('ISTIO_');

function target(rule: Pick<Rule, 'args'>): string {
  return rule.args[rule.args.indexOf('-j') + 1] ?? '';
}

/** Equal for two spellings of one rule: the implied `-m tcp` is left out, and the order of the arguments does not count. */
function fingerprint(rule: Pick<Rule, 'args'>): string {
  const text = rule.args
    .join(' ')
    .replace(/-m (tcp|udp)( |$)/g, '')
    .replace(/! (-\S+)/g, '!$1');
  return text
    .trim()
    .split(/ (?=!?-)/)
    .sort()
    .join(' ');
}
