/**
 * Owns: the mesh's certificate authority: the root and where it is kept, requests and their signing, the gRPC service that
 * agents call, who a caller is, and the certificate of our own servers.
 * May import: wire, runtime (@grpc/grpc-js, node-forge's DER codec).
 * Invariants: a certificate names exactly the identity that the caller's credential proves; a root is made only when there
 * has never been one; whatever a peer sends ends as a gRPC status; private keys are never logged.
 */
export {
  type AuthorityOptions,
  CertificateAuthority,
  type IssuedCertificate,
  type IssuedKeyPair,
} from './authority.ts';
export { type CaFiles, renderCaFiles } from './bundle.ts';
export {
  CallerAuthenticator,
  type CallerAuthenticatorOptions,
  type CallerVerdict,
  type TokenVerdict,
  type TokenVerifier,
} from './caller.ts';
export { type CaMetrics, declareCaMetrics } from './metrics.ts';
export type { RootStore } from './rootstore.ts';
export {
  buildServerCredentials,
  onDistrust,
  ServerCertificate,
  type ServerCertificateOptions,
  type ServerKeyPair,
} from './servercertificate.ts';
export { addCertificateService, type CertificateServiceOptions } from './service.ts';
export { type Identity, parseSpiffeId, renderSpiffeId } from './spiffe.ts';
export { type PeerVerdict, verifyPeerCertificate } from './verify.ts';
