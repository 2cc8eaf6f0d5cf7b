/** What answers of a client turn out to be. */

/** What is refused of one type as it stands at present. */
export interface Rejection {
  readonly typeUrl: string;
  readonly resources: readonly string[];
  readonly message: string;
  readonly revision: number;
}

/** What a request turned out to be, for metrics and logs. */
export type Reaction =
  | { readonly kind: 'subscription' }
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'stale' }
  | {
      readonly kind: 'refused';
      readonly message: string;
      readonly resources: readonly string[];
      readonly isolated: boolean;
    };
