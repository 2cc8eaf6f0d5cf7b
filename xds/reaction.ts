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
