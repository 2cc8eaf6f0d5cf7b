import type { ComponentName } from '../install/installation.ts';
import type { Problem } from '../install/problem.ts';

/** How one component is doing, as its Deployments say. */
export interface ComponentHealth {
  readonly component: ComponentName;
  readonly state: 'ready' | 'progressing' | 'failed';
  /** Stable: no times, no counters that move by themselves. Empty when ready. */
  readonly message: string;
}

/** Whether the webhook configurations stand. */
export type WebhookState =
  | { readonly kind: 'ready' }
  /** `validation` and injection are not wanted. */
  | { readonly kind: 'off' }
  | { readonly kind: 'waiting'; readonly message: string };

/** What came of one reconciliation; everything that decides the status. */
export type Outcome =
  /** Work on a new generation is about to begin. */
  | { readonly kind: 'begun' }
  /** The user has to change something; nothing was touched. */
  | { readonly kind: 'refused'; readonly reason: 'Invalid' | 'RevisionConflict'; readonly problems: readonly Problem[] }
  /** Reconciliation is switched off by annotation. */
  | { readonly kind: 'paused' }
  /** Something failed on the way; `permanent` when trying again will not help. */
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string; readonly permanent: boolean }
  | {
      readonly kind: 'applied';
      readonly components: readonly ComponentHealth[];
      readonly webhooks: WebhookState;
      /** Paths that the user set and that change nothing. */
      readonly notHonoured: readonly string[];
      /** Fields of children that somebody else claims by server-side apply. */
      readonly contested: readonly string[];
    };
