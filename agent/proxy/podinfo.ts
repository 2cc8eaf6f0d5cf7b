/** The pod's labels and annotations, from the files that the downward API writes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface PodInfo {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Missing files count as empty: not every platform mounts them. */
export async function readPodInfo(directory: string): Promise<PodInfo> {
  const read = async (name: string) => {
    try {
      return parseDownward(await readFile(join(directory, name), 'utf8'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
      throw error;
    }
  };
  return { labels: await read('labels'), annotations: await read('annotations') };
}

/** Lines of `key="value"`, the value quoted as Go's strconv.Quote does. */
export function parseDownward(text: string): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const line of text.split('\n')) {
    const separator = line.indexOf('=');
    if (separator <= 0) continue;
    entries.push([line.slice(0, separator), unquote(line.slice(separator + 1))]);
  }
  return Object.fromEntries(entries);
}

const simple: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unquote(quoted: string): string {
  if (!quoted.startsWith('"') || !quoted.endsWith('"') || quoted.length < 2) return quoted;
  return quoted
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g, (_all, byte, short, long, single) => {
      const code = byte ?? short ?? long;
      if (typeof code === 'string') return String.fromCodePoint(Number.parseInt(code, 16));
      return simple[String(single)] ?? String(single);
    });
}
