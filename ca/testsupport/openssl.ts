import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs the openssl command, the tests' second opinion, in a directory with the given files; returns its stdout. Throws when it fails. */
export function openssl(args: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-openssl-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return execFileSync('openssl', [...args], { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const configuration = `
[req]
distinguished_name = dn
prompt = no
[dn]
O = test
[spiffe]
subjectAltName = URI:spiffe://cluster.local/ns/default/sa/reviews
[foreign]
subjectAltName = URI:spiffe://cluster.local/ns/kube-system/sa/admin
[extra]
subjectAltName = URI:spiffe://cluster.local/ns/default/sa/reviews,DNS:istiod.istio-system.svc
[authority]
basicConstraints = critical,CA:TRUE
[plain]
`;

/** A request made by openssl. `key` are arguments of \`openssl req -newkey\`, e.g. \`['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']\`. */
export function makeCsr(key: readonly string[], extensions = 'spiffe', digest = 'sha256'): string {
  return openssl(
    [
      'req',
      '-new',
      '-nodes',
      `-${digest}`,
      '-config',
      'c.cnf',
      '-reqexts',
      extensions,
      '-keyout',
      'k.pem',
      '-newkey',
      ...key,
    ],
    { 'c.cnf': configuration },
  );
}

export const p256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] as const;
