/** Cipher suites as users write them, in BoringSSL's names. Envoy refuses a whole listener for one that it does not know. */

const ciphers = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
]);

/** What an entry names, without its operator; a group in brackets names several that are equally good. */
function namesOf(entry: string): readonly string[] {
  const name = entry.replace(/^[-+!]/, '');
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1).split('|') : [name];
}

/** A suite, `ALL`, a group `[A|B]`, or one of these behind `-`, `!` or `+`. */
export function isCipher(entry: string): boolean {
  return namesOf(entry).every((name) => name === 'ALL' || ciphers.has(name));
}

/** The entries that Envoy takes; none when nothing would be left to offer. */
export function selectCiphers(entries: readonly string[]): readonly string[] {
  const known = entries.filter(isCipher);
  const offered = new Set<string>();
  const banned = new Set<string>();
  for (const entry of known) {
    const names = namesOf(entry).flatMap((name) => (name === 'ALL' ? [...ciphers] : [name]));
    for (const name of names) {
      if (entry.startsWith('!')) banned.add(name);
      if (entry.startsWith('-') || entry.startsWith('!')) offered.delete(name);
      else if (!entry.startsWith('+') && !banned.has(name)) offered.add(name);
    }
  }
  return offered.size === 0 ? [] : known;
}
