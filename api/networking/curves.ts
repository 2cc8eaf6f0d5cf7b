/** Curves of key exchanges as users write them, in BoringSSL's names; those that the Envoy in use takes. */
const curves = new Set(['X25519', 'P-256', 'P-384', 'P-521', 'X25519MLKEM768', 'MLKEM1024']);

export const isCurve = (name: string): boolean => curves.has(name);

/** Those that Envoy takes: it refuses a whole listener for one that it doesn't know, or that is listed twice. */
export const selectCurves = (names: readonly string[]): readonly string[] => [...new Set(names.filter(isCurve))];
