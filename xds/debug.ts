/**
 * Questions about the control plane itself, asked over a discovery stream as Istio's tools do: type `istio.io/debug` names
 * a page, `istio.io/debug/syncz` and `istio.io/debug/config_dump` are pages in protobuf. They are answered once, to proven
 * identities only, and make no proxy of who asks. cmd/ joins the answers.
 */
import { encode, type Message } from '#wire/index.ts';
import type { ProvenIdentity } from './identity.ts';
import type { DebugQuestion, Protocol } from './request.ts';
import { EncodedResponse } from './response.ts';

export interface DebugAnswer {
  /** Each with its own type; names are told to clients of the delta protocol. */
  readonly resources: readonly {
    readonly name: string;
    readonly any: { readonly typeUrl: string; readonly value: Uint8Array };
  }[];
  /** `core.v3.ControlPlane.identifier`: who answers. */
  readonly controlPlane: string;
}

export interface DebugResponder {
  /** Rejects with LateenError: `forbidden` or `invalid` with what the client is to know, anything else is our own fault. */
  answer(question: DebugQuestion, identity: ProvenIdentity): Promise<DebugAnswer>;
}

/** Nonces of answers, by which their acknowledgements are told from new questions. */
const NONCE_PREFIX = 'debug-';

export function isAnswerNonce(nonce: string): boolean {
  return nonce.startsWith(NONCE_PREFIX);
}

export function encodeAnswer(
  protocol: Protocol,
  typeUrl: string,
  { resources, controlPlane }: DebugAnswer,
  count: number,
): EncodedResponse {
  const common = { typeUrl, nonce: `${NONCE_PREFIX}${count}`, controlPlane: { identifier: controlPlane } };
  const body =
    protocol === 'delta'
      ? encode('envoy.service.discovery.v3.DeltaDiscoveryResponse', {
          ...common,
          resources: resources.map(({ name, any }) => ({ name, resource: any })),
        })
      : encode('envoy.service.discovery.v3.DiscoveryResponse', {
          ...common,
          resources: resources.map(({ any }) => any),
        });
  return new EncodedResponse([Buffer.from(body.buffer, body.byteOffset, body.byteLength)]);
}

/** What the node of who asks claims: Istio's tools send one whose id is made up, so that only the metadata counts. */
export function parseClaims(node: Message<'envoy.config.core.v3.Node'> | undefined): {
  readonly namespace: string;
  readonly serviceAccount: string;
} {
  const text = (key: string) => node?.metadata?.fields?.[key]?.stringValue ?? '';
  return { namespace: text('NAMESPACE'), serviceAccount: text('SERVICE_ACCOUNT') };
}
