/** The one module of node-forge that is loaded: its package types describe the whole library only. */
declare module 'node-forge/lib/asn1.js' {
  import type { asn1 as full } from 'node-forge';

  export type Asn1 = full.Asn1;

  interface Module extends Omit<typeof full, 'fromDer'> {
    fromDer(
      bytes: string,
      options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean; maxDepth: number },
    ): Asn1;
  }
  const asn1: Module;
  // biome-ignore lint/style/noDefaultExport: this is how a CommonJS module looks from here
  export default asn1;
}
