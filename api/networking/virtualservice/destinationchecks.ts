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

type Weighted = { readonly weight?: number | undefined };

/** Weights are shares of their sum: none may be negative, and of several one must count. */
function checkWeights(route: readonly Weighted[] | undefined, path: Path): Diagnostic[] {
  const list = route ?? [];
  return [
    ...each(list, path, ({ weight = 0 }, at) => errorIf(weight < 0, [...at, 'weight'], 'must not be negative')),
    ...errorIf(list.length > 1 && sumWeights(list) === 0, path, 'the weights add up to 0'),
  ];
}

/** What Envoy takes as the sum of a route's weights; it adds up those of connections without a limit. */
const maxTotal = 0xffff_ffff;

/** Weights of an HTTP route: Envoy refuses the whole table for one route whose sum is more than 32 bits hold. */
export function checkHttpWeights(route: readonly Weighted[] | undefined, path: Path): Diagnostic[] {
  const total = sumWeights(route ?? []);
  const message = `the weights add up to ${total}, more than ${maxTotal}`;
  return [...checkWeights(route, path), ...errorIf(total > maxTotal, path, message)];
}

const sumWeights = (route: readonly Weighted[]): number => route.reduce((sum, { weight = 0 }) => sum + weight, 0);

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
