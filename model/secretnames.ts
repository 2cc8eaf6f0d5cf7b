/** How proxies ask for what is in Secrets of their own namespace. */

export const secretName = (secret: string): string => `kubernetes://${secret}`;

const ROOTS_SUFFIX = '-cacert';

/** The name under which the roots in a Secret are asked for, as Istio has it. */
export const rootsNameOf = (secret: string): string =>
  secret.endsWith(ROOTS_SUFFIX) ? secret : `${secret}${ROOTS_SUFFIX}`;

/** The Secrets that what is asked for by this name may be in. */
export function secretsBehind(name: string): readonly string[] {
  return name.endsWith(ROOTS_SUFFIX) ? [name, name.slice(0, -ROOTS_SUFFIX.length)] : [name];
}
