/** What the agent tells the control plane of the application's health: each change, and the last one to each new stream. */
import { typeUrl } from '#wire/agent.ts';
import type { DiscoveryRequest, Topic } from '../discovery/ownstream.ts';

/** The code `internal` of gRPC, which Istio's agents report an unhealthy application with. */
const unhealthyCode = 13;

export class HealthTopic implements Topic {
  readonly typeUrl = typeUrl('istio.v1.HealthInformation');
  #last: DiscoveryRequest | undefined;

  /** Notes what is so from now on, and gives how to say it. */
  note({ healthy, message }: { readonly healthy: boolean; readonly message: string }): DiscoveryRequest {
    this.#last = healthy ? {} : { errorDetail: { code: unhealthyCode, message } };
    return this.#last;
  }

  opening(): DiscoveryRequest | undefined {
    return this.#last;
  }

  /** Nothing is answered to a report. */
  take(): void {
    throw new TypeError('a report of health has no response');
  }
}
