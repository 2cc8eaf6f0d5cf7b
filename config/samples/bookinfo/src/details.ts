import { type Handler, json } from './server.ts';

/** What is known about a book. */
export interface Details {
  readonly id: number;
  readonly author: string;
  readonly year: number;
  readonly type: string;
  readonly pages: number;
  readonly publisher: string;
  readonly language: string;
  readonly 'ISBN-10': string;
  readonly 'ISBN-13': string;
}

export function createDetails(): Handler {
  return async ({ path }) => {
    const id = /^\/details\/(\d+)$/.exec(path)?.[1];
    if (id === undefined)
      return path.startsWith('/details/') ? json({ error: 'please provide a numeric product id' }, 400) : undefined;
    const details: Details = {
      id: Number(id),
      author: 'William Shakespeare',
      year: 1595,
      type: 'paperback',
      pages: 200,
      publisher: 'PublisherA',
      language: 'English',
      'ISBN-10': '1234567890',
      'ISBN-13': '123-1234567890',
    };
    return json(details);
  };
}
