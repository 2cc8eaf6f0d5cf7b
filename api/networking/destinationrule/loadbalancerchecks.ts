import { parseDuration } from '../../duration.ts';
import type { Diagnostic } from '../../resource.ts';
import { duplicates, each, error, errorIf, optionally, type Path, warningIf } from '../../schema/findings.ts';
import type {
  ConsistentHashLB,
  LoadBalancerSettings,
  LocalityLoadBalancerSetting,
  ZoneAwareLoadBalancerSetting,
} from './loadbalancer.ts';
import { checkLocalities } from './localities.ts';

/** `ejects`: outlier detection is set; without it no endpoint is ever found unhealthy. */
export function checkLoadBalancer(settings: LoadBalancerSettings, path: Path, ejects: boolean): Diagnostic[] {
  const { consistentHash, localityLbSetting, zoneAwareLbSetting, warmup } = settings;
  return [
    ...optionally(consistentHash, [...path, 'consistentHash'], checkConsistentHash),
    ...periods.flatMap((field) => {
      const text = settings.backendUtilization?.[field];
      const wrong = text !== undefined && parseDuration(text) === undefined;
      return errorIf(wrong, [...path, 'backendUtilization', field], 'must be a duration, such as 10s');
    }),
    ...errorIf(
      localityLbSetting !== undefined && zoneAwareLbSetting !== undefined,
      [...path, 'zoneAwareLbSetting'],
      'cannot go with localityLbSetting',
    ),
    ...optionally(localityLbSetting, [...path, 'localityLbSetting'], (setting, at) =>
      checkLocality(setting, at, ejects),
    ),
    ...optionally(zoneAwareLbSetting, [...path, 'zoneAwareLbSetting'], (setting, at) =>
      checkZones(setting, at, ejects),
    ),
    ...errorIf(warmup?.aggression === 0, [...path, 'warmup', 'aggression'], 'must be greater than 0'),
  ];
}

const periods = ['weightStabilizationPeriod', 'weightExpirationPeriod', 'weightUpdatePeriod'] as const;

const maglevTableLimit = 5_000_011;

function checkConsistentHash(hash: ConsistentHashLB, path: Path): Diagnostic[] {
  const { httpCookie, minimumRingSize = 0, ringHash, maglev } = hash;
  const size = maglev?.tableSize ?? 0;
  return [
    ...errorIf(httpCookie?.name === '', [...path, 'httpCookie', 'name'], 'must not be empty'),
    ...duplicates(
      httpCookie?.attributes,
      [...path, 'httpCookie', 'attributes'],
      (attribute) => attribute.name,
      (name) => `the attribute ${name} is set twice`,
      ['name'],
    ),
    ...warningIf(
      minimumRingSize !== 0,
      [...path, 'minimumRingSize'],
      'is no longer used: set ringHash.minimumRingSize',
    ),
    ...errorIf(
      minimumRingSize !== 0 && (ringHash ?? maglev) !== undefined,
      [...path, 'minimumRingSize'],
      'cannot go with ringHash or maglev',
    ),
    ...errorIf(
      maglev !== undefined && (size >= maglevTableLimit || !isPrime(size)),
      [...path, 'maglev', 'tableSize'],
      `must be a prime below ${maglevTableLimit}`,
    ),
  ];
}

function isPrime(value: number): boolean {
  if (value < 2) return value === 1;
  for (let factor = 2; factor * factor <= value; factor += 1) if (value % factor === 0) return false;
  return true;
}

const topologyLabels = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

type Failover = NonNullable<LocalityLoadBalancerSetting['failover']>[number];

function checkLocality(setting: LocalityLoadBalancerSetting, path: Path, ejects: boolean): Diagnostic[] {
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0 && failover.length > 0) return [error([...path, 'failover'], 'cannot go with distribute')];
  const ordered = failover.length > 0 && failoverPriority.some((label) => topologyLabels.includes(label));
  return [
    ...errorIf(ordered, [...path, 'failoverPriority'], 'cannot name topology labels beside failover'),
    ...each(distribute, [...path, 'distribute'], ({ to = {} }, at) => checkShares(to, [...at, 'to'])),
    ...checkLocalities(
      distribute.map(({ from = '' }) => from),
      [...path, 'distribute'],
    ),
    ...checkFailover(failover, failoverPriority, path, ejects),
  ];
}

function checkShares(to: Readonly<Record<string, number>>, path: Path): Diagnostic[] {
  const weights = Object.values(to);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.some((weight) => weight < 1 || weight > 100)) return [error(path, 'each share must be from 1 to 100')];
  return [
    ...errorIf(total !== 100, path, `the shares add up to ${total}, not 100`),
    ...checkLocalities(Object.keys(to), path),
  ];
}

function checkZones(setting: ZoneAwareLoadBalancerSetting, path: Path, ejects: boolean): Diagnostic[] {
  const { failover = [], failoverPriority = [] } = setting;
  return [
    ...each(failoverPriority, [...path, 'failoverPriority'], (label, at) =>
      errorIf(topologyLabels.includes(label), at, 'is taken care of by zone awareness itself'),
    ),
    ...checkFailover(failover, failoverPriority, path, ejects),
  ];
}

function checkFailover(
  failover: readonly Failover[],
  priority: readonly string[],
  path: Path,
  ejects: boolean,
): Diagnostic[] {
  return [
    ...warningIf(!ejects && failover.length + priority.length > 0, path, 'has no effect without outlierDetection'),
    ...each(failover, [...path, 'failover'], ({ from = '', to = '' }, at) => [
      ...errorIf(from === to, at, 'from and to must be different regions'),
      ...errorIf(/[/*]/.test(from + to), at, 'from and to must be regions, without zones and wildcards'),
    ]),
  ];
}
