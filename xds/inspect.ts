/** What debugging shows of a stream and its session: what was asked for, sent, acknowledged and refused of each type. */
import type { Channel } from './channel.ts';
import type { Protocol } from './request.ts';
import type { Session } from './session.ts';
import type { Proxy as MeshProxy, ServedResource } from './source.ts';
import type { ResourceType } from './types.ts';

export interface TypeState {
  readonly type: ResourceType;
  /** Names asked for one by one, sorted; `*` is everything. */
  readonly names: readonly string[];
  /** Of the response sent last, and of the last one that was acknowledged; empty before the first. */
  readonly nonceSent: string;
  readonly nonceAcked: string;
  /** When the last response was sent, on the monotonic clock, in milliseconds. */
  readonly sentAt: number | undefined;
  /** What the client says about what it refuses at present; empty when it refuses nothing. */
  readonly refusal: string;
  /** The client holds something, be it from an earlier stream. */
  readonly holds: boolean;
  /** Something is unacknowledged, held back or still to be sent. */
  readonly pending: boolean;
}

/** What debugging shows of a stream. */
export interface StreamState {
  readonly proxy: MeshProxy;
  readonly protocol: Protocol;
  readonly acknowledgedRevision: number;
  readonly revision: number;
  readonly waitingFor: readonly string[];
  /** Address of the other end. */
  readonly peer: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly types: () => readonly TypeState[];
  /** What the proxy is to hold of a type; secrets included. */
  readonly wanted: (typeUrl: string) => readonly ServedResource[];
}

/** The types that the client has asked for, in the order in which they are sent. */
export function describeTypes(session: Session): readonly TypeState[] {
  return openChannels(session).map((channel) => {
    const { type, holdings, inFlight, refusals, owed } = channel;
    return {
      type,
      names: [...(holdings.interest.everything ? ['*'] : []), ...[...holdings.interest].sort()],
      nonceSent: channel.lastNonce,
      nonceAcked: channel.acknowledgedNonce,
      sentAt: channel.sentAt,
      refusal: refusals.none ? '' : refusals.message,
      holds: !holdings.isEmpty,
      pending: owed || inFlight.length > 0 || refusals.searching || session.state.changes(channel).length > 0,
    };
  });
}

/** What the client is to hold of a type, by the present snapshot and what it asked for. */
export function listWanted(session: Session, typeUrl: string): readonly ServedResource[] {
  return openChannels(session)
    .filter(({ type }) => type.typeUrl === typeUrl)
    .flatMap(({ type, holdings }) =>
      [...session.state.target(type).values()].filter(({ name }) => holdings.subscribed(name)),
    );
}

function openChannels(session: Session): readonly Channel[] {
  return [...session.state.channels].filter(({ open }) => open);
}
