/**
 * Owns: the reconcilers of what we write: the installation, webhook configurations, root-certificate ConfigMaps, addresses
 * of ServiceEntries, WorkloadEntries of workloads that register themselves, and the status of mesh resources from delivery facts.
 * May import: api, model, kube, runtime; the operator's adapter alone also @dot-i/k8s-operator and client-node.
 * Invariants: level-triggered (a key says only that something may have changed); status is written through its
 * subresource by server-side apply, only when a status, a reason, the generation or what is wrong changed, or another writer
 * took it away; of specs only those of WorkloadEntries that registration makes are written.
 * `controllers/operator/index.ts` is an entry of its own, because istiod must never load what it needs.
 */
export { type AddressAllocatorOptions, addressManager, createAddressAllocator } from './addresses/allocator.ts';
export type { AddressClaim, AddressClaims, AllocatedAddress } from './addresses/claims.ts';
export {
  type Delivery,
  type DeliveryFact,
  type DeliveryFacts,
  type DeliveryReport,
  indexFacts,
  parseSourceKey,
  renderSourceKey,
  resolveDelivery,
  type SourceKey,
} from './delivery/facts.ts';
export {
  DeliveryLedger,
  type DeliveryReports,
  type KnownSource,
  type LedgerSource,
  type Progress,
  type SourceIndex,
} from './delivery/ledger.ts';
export type { SourceIdentity } from './delivery/tally.ts';
export {
  createRootCertificates,
  type RootCertificateOptions,
  rootCertificateManager,
} from './rootcert/root-certificates.ts';
export { createStatusController, type StatusControllerOptions } from './status/controller.ts';
export type { StatusObject, StatusSubject, StatusSubjects, StoredStatus } from './status/subjects.ts';
export type { WorkloadClaim } from './workloads/claim.ts';
export { declareRegistrationMetrics, type RegistrationMetrics } from './workloads/metrics.ts';
export type { WorkloadEntryRecord, WorkloadGroupRecord, WorkloadRecords } from './workloads/records.ts';
export {
  createWorkloadRegistration,
  type WorkloadRegistration,
  type WorkloadRegistrationOptions,
} from './workloads/registration.ts';
export { parseMarks } from './workloads/store.ts';
export { createWorkloadSweep, type WorkloadSweepOptions } from './workloads/sweep.ts';
