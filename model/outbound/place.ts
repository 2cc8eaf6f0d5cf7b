/** Where outbound listeners listen. */
import type { ListenerKey } from '../keys.ts';
import type { Listener } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';

/** Any address of the families in use; the first is the main one. */
export function anyAddress(families: string, port: number): Listener['addresses'] {
  if (families === '6') return [{ address: '::', port }];
  const main = { address: '0.0.0.0', port };
  return families === '46' ? [main, { address: '::', port }] : [main];
}

/** Where a listener without a service listens: the addresses in `bind`, or any. */
export function placeOf({ bind, port, families }: ListenerKey): Pick<Listener, 'name' | 'addresses'> {
  const addresses =
    bind === ''
      ? anyAddress(families, Number(port))
      : bind.split(',').map((address) => ({ address, port: Number(port) }));
  const first = addresses[0]?.address ?? '';
  return { name: first.startsWith('unix://') ? first : `${first}_${port}`, addresses };
}

/** A socket's table is named like the socket. */
export const tableNameOf = ({ port, bind }: Pick<ListenerKey, 'port' | 'bind'>): string => (port === '0' ? bind : port);

/** What listeners behind `virtualOutbound` have in common. */
export function reached(settings: MeshSettings, key: ListenerKey) {
  return {
    direction: 'outbound',
    bindToPort: key.mode === 'NONE',
    useOriginalDst: false,
    transparent: false,
    detectionTimeoutMs: settings.protocolDetectionTimeoutMs,
  } as const;
}
