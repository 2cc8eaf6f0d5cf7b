import type { Diagnostic } from '../resource.ts';
import { checkSelector } from '../shared/labels.ts';
import type { PeerAuthenticationSpec } from './peerauthentication.ts';

/** The schema says the rest: port modes need a selector, and ports must be ports. */
export function checkPeerAuthentication({ selector }: PeerAuthenticationSpec): Diagnostic[] {
  return checkSelector(selector?.matchLabels, selector !== undefined, ['spec', 'selector', 'matchLabels']);
}
