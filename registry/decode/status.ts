import type { ConfigStatus, MeshKind } from '#model/index.ts';

/** The little of a status that is an input; a status of another shape says nothing. */
export function parseConfigStatus(kind: MeshKind, status: unknown): ConfigStatus | undefined {
  switch (kind) {
    case 'ServiceEntry':
      return parseAddresses(status);
    case 'WorkloadEntry':
      return parseHealth(status);
    default:
      return undefined;
  }
}

function parseAddresses(status: unknown): ConfigStatus | undefined {
  const addresses = listOf(status, 'addresses').flatMap((item) => {
    const value = textOf(item, 'value');
    return value === undefined ? [] : [{ value, host: textOf(item, 'host') ?? '' }];
  });
  return addresses.length === 0 ? undefined : { addresses };
}

function parseHealth(status: unknown): ConfigStatus | undefined {
  const condition = listOf(status, 'conditions').find((item) => textOf(item, 'type') === 'Healthy');
  if (condition === undefined) return undefined;
  const reportedAt = Date.parse(textOf(condition, 'lastProbeTime') ?? '');
  return { healthy: textOf(condition, 'status') === 'True', ...(Number.isNaN(reportedAt) ? {} : { reportedAt }) };
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

function textOf(value: unknown, name: string): string | undefined {
  const text = fieldOf(value, name);
  return typeof text === 'string' ? text : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
