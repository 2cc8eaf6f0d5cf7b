import type { Viewer } from './access.ts';
import type { JsonPieces } from './json.ts';

export type PageContent =
  | { readonly json: JsonPieces }
  | { readonly problem: 'invalid' | 'not-found'; readonly text: string };

/** One page below `/debug/`, also answered over xDS. */
export interface Page {
  /** One line for the list of pages. */
  readonly help: string;
  /** Who may ask: any proven identity, about the proxies of its own namespace, or administrators of the mesh. */
  readonly audience: 'namespace' | 'administrators';
  render(query: URLSearchParams, viewer: Viewer): PageContent;
}

/** Pages by name. */
export type Pages = Readonly<Record<string, Page>>;
