/** Host names as routes, services and gateways write them. Source: RFC 1123, with Istio's wildcards. */
import { isIP } from 'node:net';
import type { Diagnostic } from '../resource.ts';
import { error, errorIf, type Path } from '../schema/findings.ts';

const label = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const wildcardLabel = /^(\*|(\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const maxLabel = 63;
const maxName = 255;

export const isDnsLabel = (text: string): boolean => text.length <= maxLabel && label.test(text);

/** Without a zone (`fe80::1%eth0`): that is an interface of one machine, and no other knows it. */
export const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

/** Why the text is no host name, or undefined. The last label may be empty, but not a number. */
function findNameFault(name: string): string | undefined {
  if (name === '' || name.length > maxName) return 'must have 1 to 255 characters';
  const labels = name.split('.');
  const last = labels.at(-1) ?? '';
  if (/^[+-]?\d+$/.test(last)) return `"${name}" is no host name: the top level "${last}" is a number`;
  const wrong = labels.find((part, index) => !isDnsLabel(part) && !(part === '' && index === labels.length - 1));
  return wrong === undefined ? undefined : `"${name}" is no host name: the label "${wrong}" is invalid`;
}

function findWildcardNameFault(name: string): string | undefined {
  if (name === '' || name.length > maxName) return 'must have 1 to 255 characters';
  const dot = name.indexOf('.');
  const first = dot < 0 ? name : name.slice(0, dot);
  if (first.length > maxLabel || !wildcardLabel.test(first)) {
    return `"${name}" is no host name: the label "${first}" is invalid`;
  }
  return dot < 0 ? undefined : findNameFault(name.slice(dot + 1));
}

/** A host name without wildcards. */
export function checkHostName(name: string, path: Path): Diagnostic[] {
  const fault = findNameFault(name);
  return fault === undefined ? [] : [error(path, fault)];
}

/** A host name whose first label may be or begin with `*`. */
export function checkWildcardHost(name: string, path: Path): Diagnostic[] {
  const fault = findWildcardNameFault(name);
  return fault === undefined ? [] : [error(path, fault)];
}

export const isWildcardHost = (name: string): boolean => findWildcardNameFault(name) === undefined;

/** The host part of a Gateway or Sidecar entry: `*` or a name with a dot; gateways may name an address. */
function checkVisibleHost(host: string, path: Path, gateway: boolean): Diagnostic[] {
  if (host !== '*' && !host.includes('.') && !(gateway && isAddress(host))) {
    return [error(path, `"${host}" is a short name: a full one is needed`)];
  }
  return gateway && isAddress(host) ? [] : checkWildcardHost(host, path);
}

/** `namespace/host` of a Gateway server; the namespace may be left out, `.` or `*`. */
export function checkGatewayHost(entry: string, path: Path): Diagnostic[] {
  const slash = entry.indexOf('/');
  if (slash < 0) return checkVisibleHost(entry, path, true);
  const namespace = entry.slice(0, slash);
  const known = namespace === '*' || namespace === '.' || isDnsLabel(namespace);
  return [
    ...errorIf(!known, path, `"${namespace}" is no namespace: a name, . or * is needed`),
    ...checkVisibleHost(entry.slice(slash + 1), path, true),
  ];
}

/** `namespace/host` of a Sidecar; the namespace may be `.`, `*` or `~`, and may be excluded by a leading `~`. */
export function checkSidecarHost(entry: string, path: Path): Diagnostic[] {
  const slash = entry.indexOf('/');
  if (slash < 0) return [error(path, `"${entry}" must be written as namespace/host`)];
  const namespace = entry.slice(0, slash);
  const plain = namespace.replace(/^~/, '');
  const known = namespace !== '' && (plain === '' || plain === '*' || plain === '.' || isDnsLabel(plain));
  return [
    ...errorIf(!known, path, `"${namespace}" is no namespace: a name, ., * or ~ is needed`),
    ...checkVisibleHost(entry.slice(slash + 1), path, false),
  ];
}
