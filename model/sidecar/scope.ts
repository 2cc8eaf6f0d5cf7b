/** What a Sidecar says about outbound traffic, read for the clients of one namespace. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { parseProtocol } from '../discovery/protocol.ts';
import { sameData } from '../equality.ts';
import { resolveHost } from '../hosts.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseFields, renderFields, type ViewKey } from '../keys.ts';
import type { OutboundRest } from '../outbound/rest.ts';
import type { SidecarSpec } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { PortImport } from './hostfilter.ts';
import { type EgressHosts, everything, importsEverything, parseEgressHosts } from './hosts.ts';

export interface EgressListener {
  readonly hosts: EgressHosts;
  /** Absent: every port that no listener before it names. A number of 0 is a socket. */
  readonly port?: { readonly number: number; readonly protocol: Protocol };
  /** An address or `unix://path`; empty where the addresses of the services are meant. */
  readonly bind: string;
  /** Listens itself, without redirection. */
  readonly bound: boolean;
}

export interface SidecarScope {
  /** Sees all that its namespace sees, on the same listeners as without a Sidecar. */
  readonly whole: boolean;
  /** The one without a port is the last. */
  readonly listeners: readonly EgressListener[];
  readonly rest: OutboundRest;
}

const scopeFields = ['ns', 'sidecar'] as const;
export const renderScopeKey = (view: Pick<ViewKey, 'ns' | 'sidecar'>): string =>
  renderFields(scopeFields, { ns: view.ns, sidecar: view.sidecar });
export const parseScopeKey = (key: string) => parseFields(scopeFields, key);

/** One listener of a scope, by its place in `egress`. */
const egressFields = ['ns', 'sidecar', 'egress'] as const;
export const renderEgressKey = (view: Pick<ViewKey, 'ns' | 'sidecar'>, index: number): string =>
  renderFields(egressFields, { ns: view.ns, sidecar: view.sidecar, egress: String(index) });
export const parseEgressKey = (key: string) => parseFields(egressFields, key);

const all: EgressListener = { hosts: everything, bind: '', bound: false };
const unrestricted: SidecarScope = { whole: true, listeners: [all], rest: '' };

/** `sidecarScope`: by scope key; without a Sidecar, everything. */
export function defineSidecarScope(graph: Graph, inputs: MeshInputs): Query<SidecarScope> {
  return graph.query<SidecarScope>(
    'sidecarScope',
    (reader, text) => {
      const key = parseScopeKey(text);
      const config = key.sidecar === '' ? undefined : reader.get(inputs.sidecars, key.sidecar);
      return config === undefined ? unrestricted : resolveScope(config.spec, config.namespace, key.ns, inputs);
    },
    { equal: sameData },
  );
}

/** The listener that an egress key means; a key may outlive its listener by one step of the build. */
export function readEgress(reader: Reader, scope: Query<SidecarScope>, key: string): EgressListener | undefined {
  const { ns, sidecar, egress } = parseEgressKey(key);
  return reader.read(scope, renderScopeKey({ ns, sidecar })).listeners[Number(egress)];
}

/** Of a listener with a port only services with that port are imported, unless it is a proxy or a socket. */
export function importOf({ hosts, port }: EgressListener): PortImport {
  const takesAll = port === undefined || port.number === 0 || port.protocol === 'HTTP_PROXY';
  return takesAll ? { hosts } : { hosts, port: port.number };
}

function resolveScope(spec: SidecarSpec, owner: string, client: string, inputs: MeshInputs): SidecarScope {
  const listeners = (spec.egress ?? []).map((listener): EgressListener => {
    const { port, bind = '', captureMode } = listener;
    return {
      hosts: parseEgressHosts(listener.hosts, client),
      ...(port === undefined
        ? {}
        : { port: { number: port.number ?? 0, protocol: parseProtocol(port.protocol ?? '') ?? 'Auto' } }),
      bind,
      bound: captureMode === 'NONE' || bind.startsWith('unix://'),
    };
  });
  const [only, ...others] = listeners;
  const isWhole =
    only === undefined ||
    (others.length === 0 &&
      only.port === undefined &&
      only.bind === '' &&
      !only.bound &&
      importsEverything(only.hosts));
  return {
    whole: isWhole,
    listeners: only === undefined ? [all] : listeners,
    rest: resolveRest(spec, owner, inputs),
  };
}

/** A policy without a mode blocks, as its default says in the API. */
function resolveRest({ outboundTrafficPolicy: policy }: SidecarSpec, owner: string, inputs: MeshInputs): OutboundRest {
  if (policy === undefined) return '';
  if (policy.mode !== 'ALLOW_ANY') return 'REGISTRY_ONLY';
  const { egressProxy } = policy;
  if (egressProxy === undefined) return 'ALLOW_ANY';
  const hostname = resolveHost(egressProxy.host, owner, inputs.domainSuffix);
  return `${egressProxy.port?.number ?? 0}/${egressProxy.subset ?? ''}/${hostname}`;
}
