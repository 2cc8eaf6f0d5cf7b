/** What is wrong with a Secret, as those say it who name it. */
import type { Reader } from '#graph/types.ts';
import type { GatewaySecret, SecretQueries } from '../gateway/secrets.ts';
import { secretName } from '../secretnames.ts';
import type { StatusFact } from '../types/facts.ts';
import { earlyRef, expiredRef, invalidRef, unresolved } from './parts.ts';

export interface WantedSecret {
  /** Of the field that names it. */
  readonly path: string;
  readonly name: string;
  readonly kind: GatewaySecret['kind'];
  /** What is missing where there is none. */
  readonly lack: string;
}

/** As Istio names what it may read roots from as well. */
const CONFIG_MAP = 'configmap://';

export const certificateAndKey = { kind: 'certificate', lack: 'a certificate and its key' } as const;

/** @param place `cluster/namespace` of the proxies that ask for it, and `where` how the user knows that namespace */
export function secretFact(
  reader: Reader,
  secrets: Pick<SecretQueries, 'gatewaySecret' | 'gatewaySecretTrouble'>,
  place: string,
  { path, name, kind, lack }: WantedSecret,
  where: string,
): readonly StatusFact[] {
  if (name.startsWith(CONFIG_MAP)) return [unresolved(path, 'credentials are read from Secrets, not from ConfigMaps')];
  const key = `${place}/${secretName(name)}`;
  const namespace = place.slice(place.indexOf('/') + 1);
  const held = reader.read(secrets.gatewaySecret, key)?.kind === kind;
  const { problem, expiredAt, validFrom } = reader.read(secrets.gatewaySecretTrouble, key);
  if (problem !== undefined) {
    const consequence = held ? 'the last valid version stays in force' : 'it is not in force';
    return [invalidRef(path, `Secret ${name} in namespace ${namespace}: ${problem} (${consequence})`)];
  }
  if (!held) return [unresolved(path, `there is no Secret ${name} with ${lack} in namespace ${namespace}, ${where}`)];
  const chain = `Secret ${name} in namespace ${namespace}: its certificate chain`;
  const time = (moment: number) => new Date(moment).toISOString();
  if (expiredAt !== undefined) return [expiredRef(path, `${chain} expired at ${time(expiredAt)}`)];
  return validFrom === undefined ? [] : [earlyRef(path, `${chain} is not valid before ${time(validFrom)}`)];
}
