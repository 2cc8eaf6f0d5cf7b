/** Route tables of a snapshot, whole or as virtual hosts of their own, in one form to compare them in. */
import { expect } from 'chai';
import { ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '#translate/index.ts';
import { decode } from '#wire/index.ts';
import type { Snapshot } from '#xds/source.ts';

/** Each table and virtual host of a snapshot as a line, in whichever form it is served. */
export function describeTables(snapshot: Snapshot | undefined): readonly string[] {
  const lines: string[] = [];
  for (const { name, bytes, needs } of snapshot?.types.get(ROUTE_TYPE)?.values() ?? []) {
    const { virtualHosts = [], vhds, ...head } = decode('envoy.config.route.v3.RouteConfiguration', bytes);
    if (vhds !== undefined) expect([virtualHosts, needs]).to.deep.equal([[], []]);
    lines.push(`${name} ${JSON.stringify(head)}`);
    for (const host of virtualHosts) lines.push(`${name} ${JSON.stringify(host)}`);
  }
  for (const { name, bytes } of snapshot?.types.get(VIRTUAL_HOST_TYPE)?.values() ?? []) {
    const host = decode('envoy.config.route.v3.VirtualHost', bytes);
    expect(host.name).to.equal(name);
    const at = name.lastIndexOf('/');
    lines.push(`${name.slice(0, at)} ${JSON.stringify({ ...host, name: name.slice(at + 1) })}`);
  }
  return lines.sort();
}

/** The clusters that routes name, by table, in whichever form it is served. */
export function listRouteNeeds(snapshot: Snapshot | undefined): readonly string[] {
  const lines = new Set<string>();
  for (const { name, needs } of snapshot?.types.get(ROUTE_TYPE)?.values() ?? [])
    for (const cluster of needs) lines.add(`${name} ${cluster}`);
  for (const { name, needs } of snapshot?.types.get(VIRTUAL_HOST_TYPE)?.values() ?? [])
    for (const cluster of needs) lines.add(`${name.slice(0, name.lastIndexOf('/'))} ${cluster}`);
  return [...lines].sort();
}

/** `TABLE CLAIM` of every virtual host that is a resource of its own. */
export function listClaims(snapshot: Snapshot | undefined): readonly string[] {
  const hosts = [...(snapshot?.types.get(VIRTUAL_HOST_TYPE)?.values() ?? [])];
  return hosts.flatMap(({ name, claims = [] }) =>
    claims.map((claim) => `${name.slice(0, name.lastIndexOf('/'))} ${claim}`),
  );
}
