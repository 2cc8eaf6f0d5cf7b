/**
 * Bookinfo: a product page put together from three services, in the shape that Istio's documentation made known.
 * Usage: bookinfo productpage|details|reviews|ratings. Listens on port 9080 (PORT); which version it is stands in
 * SERVICE_VERSION, where the others are in DETAILS_HOSTNAME, REVIEWS_HOSTNAME and RATINGS_HOSTNAME.
 */
import { createDetails } from './details.ts';
import { createProductPage } from './productpage.ts';
import { createRatings } from './ratings.ts';
import { createReviews } from './reviews.ts';
import { type Handler, listen } from './server.ts';

const { env } = process;
const port = Number(env.PORT ?? 9080);
const version = env.SERVICE_VERSION ?? 'v1';
const peer = (name: string, host: string | undefined) => `http://${host ?? name}:9080`;
const peers = {
  details: peer('details', env.DETAILS_HOSTNAME),
  reviews: peer('reviews', env.REVIEWS_HOSTNAME),
  ratings: peer('ratings', env.RATINGS_HOSTNAME),
};

const services: Readonly<Record<string, () => Handler>> = {
  productpage: () => createProductPage(peers),
  details: createDetails,
  reviews: () => createReviews(version, env.HOSTNAME ?? '', peers.ratings),
  ratings: createRatings,
};

const name = process.argv[2] ?? '';
const create = services[name];
if (create) listen(`${name} ${version}`, port, create());
else {
  process.stderr.write(`usage: bookinfo ${Object.keys(services).join('|')}\n`);
  process.exitCode = 2;
}
