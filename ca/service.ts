import { type Server, type ServerUnaryCall, type ServiceDefinition, type sendUnaryData, status } from '@grpc/grpc-js';
import { LateenError, type Logger, readCredentials } from '#runtime/index.ts';
import { decode, encode, type Message } from '#wire/index.ts';
import type { CertificateAuthority } from './authority.ts';
import type { CallerAuthenticator } from './caller.ts';
import { type CertificateRequest, parseCsr } from './csr.ts';
import type { CaMetrics } from './metrics.ts';
import { type Identity, renderSpiffeId } from './spiffe.ts';

const requestType = 'istio.v1.auth.IstioCertificateRequest';
const responseType = 'istio.v1.auth.IstioCertificateResponse';
type Request = Message<typeof requestType>;
type Response = Message<typeof responseType>;
/** Bytes that are no request reach the handler as such: a throwing deserializer would end the call as our own fault. */
type Received = { readonly ok: true; readonly request: Request } | { readonly ok: false; readonly reason: string };

const definition = {
  createCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: (received: Received) => Buffer.from(encode(requestType, received.ok ? received.request : {})),
    requestDeserialize: receive,
    responseSerialize: (response: Response) => Buffer.from(encode(responseType, response)),
    responseDeserialize: (bytes: Buffer) => decode(responseType, bytes),
  },
} satisfies ServiceDefinition;

function receive(bytes: Buffer): Received {
  try {
    return { ok: true, request: decode(requestType, bytes) };
  } catch (error) {
    return { ok: false, reason: LateenError.from(error).message };
  }
}

export interface CertificateServiceOptions {
  readonly authority: CertificateAuthority;
  readonly callers: CallerAuthenticator;
  readonly metrics: CaMetrics;
  readonly logger: Logger;
}

/** Adds `istio.v1.auth.IstioCertificateService` to a gRPC server. */
export function addCertificateService(server: Server, options: CertificateServiceOptions): void {
  server.addService(definition, {
    createCertificate: (call: ServerUnaryCall<Received, Response>, done: sendUnaryData<Response>) => {
      answer(call, options).then(
        (chain) => done(null, { certChain: chain }),
        (error: unknown) => {
          const { code, message } = LateenError.from(error);
          if (code === 'internal') options.logger.error('certificate request failed', { error });
          done({ code: statusOf(code), details: code === 'internal' ? 'internal error' : message });
        },
      );
    },
  });
}

async function answer(
  call: ServerUnaryCall<Received, Response>,
  options: CertificateServiceOptions,
): Promise<readonly string[]> {
  const { authority, callers, metrics, logger } = options;
  metrics.csrs.increment({});
  const caller = await callers.authenticate(readCredentials(call));
  if (!caller.ok) {
    if (caller.code === 'unauthenticated') metrics.authenticationFailures.increment({});
    logger.warn('certificate request refused', { peer: call.getPeer(), code: caller.code, reason: caller.reason });
    throw new LateenError(
      caller.code,
      caller.code === 'unauthenticated' ? 'request authentication failure' : caller.reason,
    );
  }
  const id = renderSpiffeId(caller.identity);
  const request = readRequest(call.request, caller.identity, options);
  try {
    const { chain, certificate } = authority.issueWorkload(caller.identity, request.publicKey, request.ttl);
    metrics.issued.increment({});
    logger.debug('certificate issued', { id, proof: caller.proof, expires: certificate.validTo });
    return chain;
  } catch (error) {
    const failure = LateenError.from(error);
    metrics.signErrors.increment({ error: failure.code });
    throw failure;
  }
}

/** Throws LateenError: `invalid` for a malformed request, `forbidden` for one that asks for somebody else's name. */
function readRequest(
  received: Received,
  identity: Identity,
  options: CertificateServiceOptions,
): CertificateRequest & { ttl: number } {
  try {
    if (!received.ok) throw new LateenError('invalid', received.reason);
    const request = parseCsr(received.request.csr ?? '');
    const id = renderSpiffeId(identity);
    const foreign = request.uris.find((uri) => uri !== id);
    if (foreign !== undefined || request.otherNames > 0) {
      throw new LateenError('forbidden', `the request may name ${id} only`);
    }
    return { ...request, ttl: Math.max(0, Number(received.request.validityDuration ?? 0)) * 1000 };
  } catch (error) {
    options.metrics.csrParsingErrors.increment({});
    throw error;
  }
}

function statusOf(code: LateenError['code']): status {
  switch (code) {
    case 'invalid':
      return status.INVALID_ARGUMENT;
    case 'unauthenticated':
      return status.UNAUTHENTICATED;
    case 'forbidden':
      return status.PERMISSION_DENIED;
    case 'unavailable':
      return status.UNAVAILABLE;
    case 'deadline':
      return status.DEADLINE_EXCEEDED;
    default:
      return status.INTERNAL;
  }
}
