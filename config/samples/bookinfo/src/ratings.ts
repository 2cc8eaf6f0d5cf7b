import { type Handler, json } from './server.ts';

/** Stars by reviewer. */
export interface Ratings {
  readonly id: number;
  readonly ratings: Readonly<Record<string, number>>;
}

const initial: Readonly<Record<string, number>> = { Reviewer1: 5, Reviewer2: 4 };

/** Ratings are kept in memory: GET reads them, POST replaces them. */
export function createRatings(): Handler {
  const stored = new Map<number, Readonly<Record<string, number>>>();
  return async ({ method, path, body }) => {
    const digits = /^\/ratings\/(\d+)$/.exec(path)?.[1];
    if (digits === undefined)
      return path.startsWith('/ratings/') ? json({ error: 'please provide a numeric product id' }, 400) : undefined;
    const id = Number(digits);
    if (method === 'POST') {
      const given = parseRatings(body);
      if (given === undefined) return json({ error: 'please provide ratings as {"reviewer": stars}' }, 400);
      stored.set(id, given);
    }
    const answer: Ratings = { id, ratings: stored.get(id) ?? initial };
    return json(answer);
  };
}

function parseRatings(body: string): Record<string, number> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every(([, stars]) => Number.isInteger(stars) && stars >= 0 && stars <= 5)
    ? Object.fromEntries(entries)
    : undefined;
}
