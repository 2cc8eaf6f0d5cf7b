/** Secrets that Gateways refer to: which ones exist in the mesh's eyes, and which router may ask for which. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { gatewayLabels, type MeshInputs } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import { selects } from '../selection.ts';
import type { Server } from '../specs.ts';
import type { SourceRef } from '../types/identity.ts';
import type { TlsSecret } from '../types/inputs.ts';
import type { GatewayQueries } from './gateway.ts';
import { clientCaOf, credentialOf, secretName } from './servertls.ts';

/** What a router gets under an SDS name. Never printed. */
export type GatewaySecret =
  | { readonly kind: 'certificate'; readonly certificateChain: Uint8Array; readonly privateKey: Uint8Array }
  | { readonly kind: 'roots'; readonly caCertificates: Uint8Array };

export interface SecretTrouble {
  /** Why what the Secret holds now is not in force. */
  readonly problem?: string;
  /** When the certificate in force expired, in milliseconds since the epoch. */
  readonly expiredAt?: number;
}

export interface SecretQueries {
  /** By gateway key: the SDS names that its servers use, and so the only ones it may read, with the Gateways that name them. */
  readonly gatewaySecretUsers: Query<ReadonlyMap<string, readonly SourceRef[]>>;
  /** By `cluster/namespace/SDS-name` (the router's cluster and namespace). */
  readonly gatewaySecret: Query<GatewaySecret | undefined>;
  /** By the same: what its author is to know of the Secret. */
  readonly gatewaySecretTrouble: Query<SecretTrouble>;
  /** Key '': when the next certificate of a Secret expires, in milliseconds since the epoch. */
  readonly nextCertificateExpiry: Query<number | undefined>;
  /** Key '': input keys of all Secrets that Gateways refer to, in the namespaces of the routers they select. */
  readonly referencedSecrets: Query<readonly string[]>;
  /** By input key of a Gateway: the places (`cluster/namespace`) of the routers it selects. */
  readonly gatewayPlaces: Query<readonly string[]>;
}

export function defineGatewaySecrets(graph: Graph, inputs: MeshInputs, gateways: GatewayQueries): SecretQueries {
  const gatewaySecretUsers = graph.query<ReadonlyMap<string, readonly SourceRef[]>>(
    'gatewaySecretUsers',
    (reader, key) => {
      const servers = reader.read(gateways.gatewayServers, key).ports.flatMap((port) => port.servers);
      const users = new Map<string, readonly SourceRef[]>();
      for (const { server, source } of servers)
        for (const name of secretsOf(server).map(secretName)) {
          const known = users.get(name) ?? [];
          if (!known.some(({ uid }) => uid === source.uid)) users.set(name, [...known, source]);
        }
      return users;
    },
    { equal: sameData },
  );

  const gatewaySecret = graph.query<GatewaySecret | undefined>(
    'gatewaySecret',
    (reader, key) => readSecret(reader, inputs, key).secret,
    { equal: sameData },
  );

  const gatewaySecretTrouble = graph.query<SecretTrouble>(
    'gatewaySecretTrouble',
    (reader, key) => {
      const { problem, notAfter } = readSecret(reader, inputs, key);
      const expired = notAfter !== undefined && notAfter <= timeOf(reader, inputs);
      return { ...(problem === undefined ? {} : { problem }), ...(expired ? { expiredAt: notAfter } : {}) };
    },
    { equal: sameData },
  );

  const nextCertificateExpiry = graph.query<number | undefined>('nextCertificateExpiry', (reader) => {
    const time = timeOf(reader, inputs);
    const ahead = reader
      .keys(inputs.tlsSecrets)
      .flatMap((key) => reader.get(inputs.tlsSecrets, key)?.notAfter ?? [])
      .filter((notAfter) => notAfter > time);
    return ahead.length === 0 ? undefined : Math.min(...ahead);
  });

  const gatewayPlaces = graph.query<readonly string[]>(
    'gatewayPlaces',
    (reader, key) => {
      const selector = reader.get(inputs.gateways, key)?.spec.selector ?? {};
      const places = workloadsFor(reader, inputs, selector)
        .filter((workload) => selects(selector, workload.labels))
        .map((workload) => `${workload.cluster}/${workload.namespace}`);
      return [...new Set(places)].sort();
    },
    { equal: sameData },
  );

  const referencedSecrets = graph.query<readonly string[]>(
    'referencedSecrets',
    (reader) => {
      const keys = new Set<string>();
      for (const gateway of reader.keys(inputs.gateways)) {
        const servers = reader.get(inputs.gateways, gateway)?.spec.servers ?? [];
        const names = servers.flatMap(secretsOf);
        if (names.length === 0) continue;
        for (const place of reader.read(gatewayPlaces, gateway)) for (const name of names) keys.add(`${place}/${name}`);
      }
      return [...keys].sort();
    },
    { equal: sameData },
  );

  return {
    gatewaySecretUsers,
    gatewaySecret,
    gatewaySecretTrouble,
    nextCertificateExpiry,
    referencedSecrets,
    gatewayPlaces,
  };
}

/** Names of the Secrets of one server. */
export function secretsOf(server: Server): readonly string[] {
  return [credentialOf(server), clientCaOf(server)].filter((name) => name !== undefined);
}

/** Candidates for a selector; one of the usual labels answers from the index. */
function workloadsFor(reader: Reader, inputs: MeshInputs, selector: Readonly<Record<string, string>>) {
  if (Object.keys(selector).length === 0) return [];
  const indexed = gatewayLabels.find((name) => selector[name] !== undefined);
  if (indexed !== undefined) return reader.bucket(inputs.workloads, 'gateway', `${indexed}:${selector[indexed]}`);
  return reader.keys(inputs.workloads).flatMap((key) => reader.get(inputs.workloads, key) ?? []);
}

const timeOf = (reader: Reader, inputs: MeshInputs): number => reader.get(inputs.time, 'certificates') ?? 0;

interface FoundSecret {
  readonly secret?: GatewaySecret;
  readonly problem?: string;
  /** Of a certificate that is served. */
  readonly notAfter?: number;
}

/** The roots for `NAME-cacert` are in the Secret of that name, or beside the certificate in `NAME`. */
function readSecret(reader: Reader, inputs: MeshInputs, key: string): FoundSecret {
  const [cluster = '', namespace = '', ...rest] = key.split('/');
  const name = rest.join('/').replace(/^kubernetes:\/\//, '');
  const find = (called: string) => reader.get(inputs.tlsSecrets, renderObjectKey(cluster, namespace, called));
  const secret = find(name);
  if (!name.endsWith('-cacert')) return secret === undefined ? {} : readCertificate(secret);
  const beside = find(name.slice(0, -'-cacert'.length));
  const caCertificates = secret?.caCertificates ?? secret?.certificateChain ?? beside?.caCertificates;
  const problem =
    secret === undefined ? beside?.problems?.roots : (secret.problems?.roots ?? secret.problems?.certificate);
  return {
    ...(caCertificates === undefined || caCertificates.length === 0
      ? {}
      : { secret: { kind: 'roots', caCertificates } }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function readCertificate({ certificateChain, privateKey, caCertificates, notAfter, problems }: TlsSecret): FoundSecret {
  const problem = problems?.certificate === undefined ? {} : { problem: problems.certificate };
  if (certificateChain.length > 0 && privateKey.length > 0)
    return {
      secret: { kind: 'certificate', certificateChain, privateKey },
      ...(notAfter === undefined ? {} : { notAfter }),
      ...problem,
    };
  // What has the wrong key is no certificate, and roots are not what was asked for.
  if (caCertificates === undefined || problems?.certificate !== undefined) return problem;
  return { secret: { kind: 'roots', caCertificates } };
}
