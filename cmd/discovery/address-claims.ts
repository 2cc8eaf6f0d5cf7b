import type { AddressClaim, AddressClaims } from '#controllers/index.ts';
import type { Graph } from '#graph/index.ts';
import type { AddressDemand, MeshQueries } from '#model/index.ts';

export interface AddressClaimsOptions {
  readonly graph: Graph;
  readonly model: Pick<MeshQueries, 'addressDemands'>;
  /** Only ServiceEntries of this cluster: others are written by the control planes of theirs. */
  readonly clusterId: string;
  readonly onEdited: (listener: () => void) => () => void;
}

/** ServiceEntries as the address allocator sees them; an edit that concerns none of them costs nothing. */
export function createAddressClaims({ graph, model, clusterId, onEdited }: AddressClaimsOptions): AddressClaims {
  let seen: readonly AddressDemand[] = [];
  let own: readonly AddressClaim[] = [];
  const current = () => {
    const demands = graph.read(model.addressDemands, '');
    if (demands !== seen) {
      seen = demands;
      own = demands.filter((demand) => demand.cluster === clusterId);
    }
    return own;
  };
  return {
    current,
    onChange: (listener) => {
      let before = current();
      return onEdited(() => {
        if (current() === before) return;
        before = current();
        listener();
      });
    },
  };
}
