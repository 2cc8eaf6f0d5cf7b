import type { CaFiles } from './bundle.ts';

/** Where the certificate authority is kept; cmd/ joins it to Secrets of the system namespace. */
export interface RootStore {
  /** The administrator's own authority (Secret `cacerts`); undefined when there is none. Rejects with LateenError when it cannot be read. */
  readPlugged(): Promise<CaFiles | undefined>;
  /** The self-signed authority (Secret `istio-ca-secret`); undefined when there is none. Rejects with LateenError when it cannot be read. */
  read(): Promise<CaFiles | undefined>;
  /** Creates the Secret of `read`; `exists` when another replica was first, and then nothing is changed. */
  create(files: CaFiles): Promise<'created' | 'exists'>;
}
