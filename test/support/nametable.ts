/** Name tables as a control plane would send them. */
import { type Any, pack } from '#wire/index.ts';

/** Address of the service of this number. */
export const addressOf = (at: number): string => `10.${100 + (at >> 16)}.${(at >> 8) & 0xff}.${at & 0xff}`;
export const hostnameOf = (at: number): string => `service-${at}.namespace-${at % 20}.svc.cluster.local`;

/** So many Services of Kubernetes, a part per namespace. */
export function buildNameTables(count: number): readonly { readonly name: string; readonly resource: Any }[] {
  return Array.from({ length: 20 }, (_, namespace) => {
    const table: Record<string, { ips: string[]; registry: string; shortname: string; namespace: string }> = {};
    for (let at = namespace; at < count; at += 20) {
      table[hostnameOf(at)] = {
        ips: [addressOf(at)],
        registry: 'Kubernetes',
        shortname: `service-${at}`,
        namespace: `namespace-${namespace}`,
      };
    }
    return { name: `part-${namespace}`, resource: pack('istio.networking.nds.v1.NameTable', { table }) };
  });
}
