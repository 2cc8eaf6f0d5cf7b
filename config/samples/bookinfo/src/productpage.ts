import type { Details } from './details.ts';
import { renderHome, renderProductPage } from './page.ts';
import { askPeer, hasValue, type PeerAnswer, propagatedHeaders } from './peers.ts';
import type { Ratings } from './ratings.ts';
import type { Reviews } from './reviews.ts';
import { type Answer, type Handler, json, type Request } from './server.ts';

export interface Peers {
  readonly details: string;
  readonly reviews: string;
  readonly ratings: string;
}

const product = {
  id: 0,
  title: 'The Comedy of Errors',
  description:
    'Two pairs of twins, parted by a shipwreck, meet in one town without knowing it: masters and servants are taken for each other until nobody is sure of anything.',
};

/** The page itself, and the same as JSON below /api/v1/products. A user who logged in is known by a cookie. */
export function createProductPage(peers: Peers): Handler {
  return async (request) => {
    const { method, path } = request;
    if (path === '/' || path === '/index.html') return html(renderHome(product));
    if (path === '/login' && method === 'POST') return login(new URLSearchParams(request.body).get('username') ?? '');
    if (path === '/logout') return redirect('user=; Path=/; Max-Age=0');
    if (path === '/productpage') return productPage(request, peers);
    if (path === '/api/v1/products') return json([product]);
    const api = /^\/api\/v1\/products\/(\d+)(?:\/(reviews|ratings))?$/.exec(path);
    if (!api) return undefined;
    const [, id = '', part = 'details'] = api;
    const url = { details: peers.details, reviews: peers.reviews, ratings: peers.ratings }[part];
    return asJson(await askPeer(`${url}/${part}/${id}`, peerHeaders(request)));
  };
}

async function productPage(request: Request, peers: Peers): Promise<Answer> {
  const headers = peerHeaders(request);
  const [details, reviews] = await Promise.all([
    askPeer<Details>(`${peers.details}/details/${product.id}`, headers),
    askPeer<Reviews>(`${peers.reviews}/reviews/${product.id}`, headers),
  ]);
  return html(renderProductPage({ product, details, reviews, user: userOf(request) }));
}

/** What goes to the peers: the trace, and who the user is. */
function peerHeaders(request: Request): Record<string, string> {
  const user = userOf(request);
  return { ...propagatedHeaders(request.headers), ...(user === '' ? {} : { 'end-user': user }) };
}

function userOf({ headers }: Request): string {
  const cookie = /(?:^|;\s*)user=([\w.-]{1,64})/.exec(headers.cookie ?? '')?.[1];
  return cookie ?? '';
}

function login(user: string): Answer {
  if (!/^[\w.-]{1,64}$/.test(user)) return json({ error: 'a user name has letters, digits, dots and dashes' }, 400);
  return redirect(`user=${user}; Path=/; HttpOnly; SameSite=Lax`);
}

function redirect(cookie: string): Answer {
  return { status: 302, body: '', headers: { location: '/productpage', 'set-cookie': cookie } };
}

function html(body: string): Answer {
  return { status: 200, body, headers: { 'content-type': 'text/html; charset=utf-8' } };
}

function asJson(answer: PeerAnswer<Details | Reviews | Ratings>): Answer {
  return hasValue(answer) ? json(answer.value) : json({ error: answer.error }, answer.status);
}
