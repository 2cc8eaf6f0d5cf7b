import type { Diagnostic } from '../../resource.ts';
import { each, errorIf, optionally, type Path, warningIf } from '../../schema/findings.ts';
import { checkPort } from '../../shared/addresses.ts';
import { checkHostName, checkWildcardHost, isDnsLabel } from '../../shared/hosts.ts';
import type { Destination } from '../destination.ts';
import type { RouteDestination } from './schema.ts';

export function checkDestination(destination: Destination, path: Path): Diagnostic[] {
  const { host, subset, port } = destination;
  return [
    ...(host === '*'
      ? errorIf(true, [...path, 'host'], '* is no destination')
      : checkWildcardHost(host, [...path, 'host'])),
    ...errorIf(Boolean(subset) && !isDnsLabel(subset ?? ''), [...path, 'subset'], `"${subset}" is no subset name`),
    ...optionally(port, [...path, 'port', 'number'], (selector, at) => checkPort(selector.number ?? 0, at)),
  ];
}

export function checkRouteDestinations(route: readonly RouteDestination[] | undefined, path: Path): Diagnostic[] {
  return [
    ...each(route, path, ({ destination }, at) => checkDestination(destination, [...at, 'destination'])),
    ...checkWeights(route, path),
  ];
}

/** Weights are shares of their sum: none may be negative, and of several one must count. */
export function checkWeights(
  route: readonly { readonly weight?: number | undefined }[] | undefined,
  path: Path,
): Diagnostic[] {
  const list = route ?? [];
  const total = list.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return [
    ...each(list, path, ({ weight = 0 }, at) => errorIf(weight < 0, [...at, 'weight'], 'must not be negative')),
    ...errorIf(list.length > 1 && total === 0, path, 'the weights add up to 0'),
  ];
}

/** `namespace/name`, a name, or the old form with dots. */
export function checkGatewayNames(gateways: readonly string[] | undefined, path: Path): Diagnostic[] {
  return each(gateways, path, (gateway, at) => {
    const slash = gateway.indexOf('/');
    if (slash < 0) {
      const old = gateway.includes('.');
      return [...checkHostName(gateway, at), ...warningIf(old, at, `write ${gateway} as namespace/name`)];
    }
    const valid = isDnsLabel(gateway.slice(0, slash)) && isDnsLabel(gateway.slice(slash + 1));
    return errorIf(!valid, at, `"${gateway}" must be written as namespace/name`);
  });
}
