import { askPeer, hasValue, propagatedHeaders } from './peers.ts';
import type { Ratings } from './ratings.ts';
import { type Handler, json } from './server.ts';

export interface Review {
  readonly reviewer: string;
  readonly text: string;
  readonly rating?: { readonly stars: number; readonly color: string } | { readonly error: string };
}

export interface Reviews {
  readonly id: string;
  readonly podname: string;
  /** The version that answered: what a weighted route shows. */
  readonly version: string;
  readonly reviews: readonly Review[];
}

const texts: readonly Review[] = [
  {
    reviewer: 'Reviewer1',
    text: 'A feast of errors and recognitions: I laughed in every act and would see it again tomorrow.',
  },
  { reviewer: 'Reviewer2', text: 'Great fun, although one needs a pencil to keep the twins apart.' },
];

/** Stars: none in v1, black in v2, red in v3. */
const colors: Readonly<Record<string, string>> = { v2: 'black', v3: 'red' };

export function createReviews(version: string, podname: string, ratingsUrl: string): Handler {
  const color = colors[version];
  return async ({ path, headers }) => {
    const id = /^\/reviews\/(\d+)$/.exec(path)?.[1];
    if (id === undefined) return undefined;
    const answer = (reviews: readonly Review[]) => json({ id, podname, version, reviews } satisfies Reviews);
    if (color === undefined) return answer(texts);
    const ratings = await askPeer<Ratings>(`${ratingsUrl}/ratings/${id}`, propagatedHeaders(headers));
    return answer(
      texts.map((review) => {
        if (!hasValue(ratings)) return { ...review, rating: { error: 'Ratings service is currently unavailable' } };
        return { ...review, rating: { stars: ratings.value.ratings[review.reviewer] ?? 0, color } };
      }),
    );
  };
}
