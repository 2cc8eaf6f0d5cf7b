import type { Details } from './details.ts';
import { hasValue, type PeerAnswer } from './peers.ts';
import type { Review, Reviews } from './reviews.ts';

interface Product {
  readonly title: string;
  readonly description: string;
}

export interface ProductPage {
  readonly product: Product;
  readonly details: PeerAnswer<Details>;
  readonly reviews: PeerAnswer<Reviews>;
  /** Empty when nobody is logged in. */
  readonly user: string;
}

export function renderHome(product: Product): string {
  return layout(
    'Bookinfo',
    `<p>A small shop with one book, made of four services, to see what a service mesh does between them.</p>
<p><a href="/productpage">${escapeHtml(product.title)}</a></p>`,
  );
}

export function renderProductPage({ product, details, reviews, user }: ProductPage): string {
  const session =
    user === ''
      ? '<form method="post" action="/login"><input name="username" placeholder="user name" required> <button>Sign in</button></form>'
      : `<p>${escapeHtml(user)} (<a href="/logout">sign out</a>)</p>`;
  return layout(
    'Simple Bookstore App',
    `<header>${session}</header>
<h2>${escapeHtml(product.title)}</h2>
<p>${escapeHtml(product.description)}</p>
<div class="columns">
<section><h3>Book Details</h3>${renderDetails(details)}</section>
<section><h3>Book Reviews</h3>${renderReviews(reviews)}</section>
</div>`,
  );
}

function renderDetails(details: PeerAnswer<Details>): string {
  if (!hasValue(details)) return failure('details', details.status);
  const rows = Object.entries(details.value).filter(([name]) => name !== 'id');
  return `<dl>${rows.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(String(value))}</dd>`).join('')}</dl>`;
}

function renderReviews(reviews: PeerAnswer<Reviews>): string {
  if (!hasValue(reviews)) return failure('reviews', reviews.status);
  const { version, podname } = reviews.value;
  const served = `<p class="served">Reviews served by: <code>${escapeHtml(podname)}</code> (<span id="reviews-version">${escapeHtml(version)}</span>)</p>`;
  return reviews.value.reviews.map(renderReview).join('\n') + served;
}

function renderReview({ reviewer, text, rating }: Review): string {
  return `<blockquote><p>${escapeHtml(text)}</p><footer>${escapeHtml(reviewer)}</footer>${renderRating(rating)}</blockquote>`;
}

function renderRating(rating: Review['rating']): string {
  if (rating === undefined) return '';
  if ('error' in rating) return `<p class="failure">${escapeHtml(rating.error)}</p>`;
  const stars = '★'.repeat(rating.stars) + '☆'.repeat(5 - rating.stars);
  return `<p class="stars" style="color: ${escapeHtml(rating.color)}" title="${rating.stars} of 5">${stars}</p>`;
}

function failure(service: string, status: number): string {
  return `<p class="failure">Sorry, product ${service} are currently unavailable (${status}).</p>`;
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
header { float: right; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dd { margin: 0; }
.stars { font-size: 1.5rem; margin: 0; }
.failure { color: #b00; }
.served { color: #666; }
</style>
</head>
<body>
<h1>${title}</h1>
${body}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
