import { X509Certificate } from 'node:crypto';

/**
 * Certificates that were shown before: a client that connects again and again shows the same, and to parse it and to check its
 * signature takes longer than all else that is done to find out who it is.
 */
export class KnownCertificates {
  readonly #most: number;
  /** By their bytes, the one shown last at the end. */
  readonly #known = new Map<string, X509Certificate>();

  /** `most`: so many are remembered. */
  constructor(most = 256) {
    this.#most = most;
  }

  /** The same object for the same DER while it is remembered. Throws when it does not parse. */
  parse(der: Uint8Array): X509Certificate {
    const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
    const certificate = this.#known.get(key) ?? new X509Certificate(der);
    this.#known.delete(key);
    this.#known.set(key, certificate);
    if (this.#known.size > this.#most) {
      const [oldest = ''] = this.#known.keys();
      this.#known.delete(oldest);
    }
    return certificate;
  }
}
