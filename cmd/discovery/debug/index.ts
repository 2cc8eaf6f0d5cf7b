/**
 * What the control plane tells about itself: who is connected and how far it is, what a proxy is to hold, what the
 * registry and the graph hold. Over HTTP below `/debug` and over xDS, in Istio's shapes where Istio has them.
 * Invariants: nobody is answered without a proven identity, but for those who come from the pod's own loopback; identities
 * of other namespaces than the control plane's see their own namespace's proxies only; private keys are never shown;
 * answers are written piece by piece.
 */
import type { RequestListener } from 'node:http';
import type { CallerAuthenticator } from '#ca/index.ts';
import type { Logger } from '#runtime/index.ts';
import type { DebugResponder } from '#xds/index.ts';
import { createDebugHandler } from './http.ts';
import { createPages, type PagesOptions } from './pages.ts';
import { createAnswers } from './xds-answers.ts';

export interface DebugOptions extends PagesOptions {
  readonly callers: Pick<CallerAuthenticator, 'authenticate'>;
  /** Namespaces whose identities see everything. */
  readonly administrators: () => ReadonlySet<string>;
  /** Loopback is this control plane's own: whoever connects from there, as a forwarded port does, sees everything. */
  readonly trustsLoopback: boolean;
  readonly version: string;
  readonly logger: Logger;
}

export interface Debug {
  /** Answers requests below `/debug`. */
  readonly handler: RequestListener;
  /** Answers questions over xDS. */
  readonly responder: DebugResponder;
}

export function createDebug(options: DebugOptions): Debug {
  const { callers, version, podName } = options;
  const pages = createPages(options);
  return {
    handler: createDebugHandler({
      ...options,
      pages,
      authenticate: (credentials) => callers.authenticate(credentials),
    }),
    responder: createAnswers({
      ...options,
      pages,
      controlPlane: JSON.stringify({ Component: 'istiod', ID: podName, Info: { version } }),
    }),
  };
}
