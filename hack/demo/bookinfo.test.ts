import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createDetails } from '../../config/samples/bookinfo/src/details.ts';
import { createProductPage } from '../../config/samples/bookinfo/src/productpage.ts';
import { createRatings } from '../../config/samples/bookinfo/src/ratings.ts';
import { createReviews } from '../../config/samples/bookinfo/src/reviews.ts';
import type { Handler, Request } from '../../config/samples/bookinfo/src/server.ts';
import { countVersions } from './traffic.ts';

const request = (path: string, options: Partial<Request> = {}): Request => ({
  method: 'GET',
  path,
  query: new URLSearchParams(),
  headers: {},
  body: '',
  ...options,
});

/** Serves a handler on a loopback port while `use` runs; gives what it saw of headers. */
async function serving(handler: Handler, use: (url: string) => Promise<void>): Promise<IncomingHttpHeaders[]> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer(async (incoming, outgoing) => {
    seen.push(incoming.headers);
    const answer = await handler(request(incoming.url ?? '', { headers: incoming.headers }));
    outgoing.writeHead(answer?.status ?? 404).end(answer?.body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    await new Promise((closed) => server.close(closed));
  }
  return seen;
}

describe('Bookinfo', () => {
  const trace = { 'x-request-id': 'r1', traceparent: '00-a-b-01', 'x-b3-traceid': 't', 'x-private': 'no' };

  it('shows no stars in v1, black ones in v2, red ones in v3, and hands the trace on', async () => {
    const seen = await serving(createRatings(), async (ratings) => {
      const starsOf = async (version: string) => {
        const answer = await createReviews(version, 'pod', ratings)(request('/reviews/0', { headers: trace }));
        return JSON.parse(answer?.body ?? '').reviews.map((each: { rating?: object }) => each.rating);
      };
      expect(await starsOf('v1')).to.deep.equal([undefined, undefined]);
      expect(await starsOf('v2')).to.deep.equal([
        { stars: 5, color: 'black' },
        { stars: 4, color: 'black' },
      ]);
      expect(await starsOf('v3')).to.deep.include({ stars: 5, color: 'red' });
    });
    expect(seen).to.have.length(2);
    for (const headers of seen) {
      expect(headers).to.include({ 'x-request-id': 'r1', traceparent: '00-a-b-01', 'x-b3-traceid': 't' });
      expect(headers).to.not.have.property('x-private');
    }
  });

  it('puts a page together that names the version of reviews, and tells the peers who the user is', async () => {
    const all: Handler = async (asked) =>
      (await createDetails()(asked)) ?? (await createReviews('v1', 'reviews-<pod>', '')(asked));
    let page = '';
    const seen = await serving(all, async (url) => {
      const handler = createProductPage({ details: url, reviews: url, ratings: url });
      const login = await handler(request('/login', { method: 'POST', body: 'username=jason' }));
      expect(login?.status).to.equal(302);
      const cookie = login?.headers?.['set-cookie']?.split(';')[0] ?? '';
      page = (await handler(request('/productpage', { headers: { cookie } })))?.body ?? '';
    });
    expect(seen.map((headers) => headers['end-user'])).to.deep.equal(['jason', 'jason']);
    expect(countVersions([page]).find(({ count }) => count === 1)?.version).to.equal('v1');
    expect(page)
      .to.contain('reviews-&lt;pod&gt;')
      .and.contain('The Comedy of Errors')
      .and.contain('William Shakespeare');
  });

  it('still shows a page when a service is away, and says which', async () => {
    const nobody = 'http://127.0.0.1:1';
    const handler = createProductPage({ details: nobody, reviews: nobody, ratings: nobody });
    const answer = await handler(request('/productpage'));
    expect(answer?.status).to.equal(200);
    expect(answer?.body).to.contain('product details are currently unavailable (503)');
    expect(answer?.body).to.contain('product reviews are currently unavailable (503)');
  });

  it('keeps posted ratings, and refuses what is none', async () => {
    const ratings = createRatings();
    const post = (body: string) => ratings(request('/ratings/3', { method: 'POST', body }));
    expect((await post('{"Reviewer1": 9}'))?.status).to.equal(400);
    expect((await post('not json'))?.status).to.equal(400);
    expect((await post('{"Reviewer1": 2}'))?.status).to.equal(200);
    expect(JSON.parse((await ratings(request('/ratings/3')))?.body ?? '').ratings).to.deep.equal({ Reviewer1: 2 });
    expect((await ratings(request('/ratings/x')))?.status).to.equal(400);
  });

  it('does not take a user name that is more than a name', async () => {
    const handler = createProductPage({ details: '', reviews: '', ratings: '' });
    const answer = await handler(request('/login', { method: 'POST', body: 'username=a%0d%0aset-cookie:x' }));
    expect(answer?.status).to.equal(400);
  });
});
