/** Secrets that Gateways and DestinationRules refer to: what they hold, where they are wanted, and which router may ask for which. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { findCredentials, secretsOfRule } from '../frontend/istio/credentials.ts';
import { gatewayLabels, type MeshInputs } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import { exportsOf } from '../outbound/credentials.ts';
import { secretName, secretsBehind } from '../secretnames.ts';
import { exportedTo, selects } from '../selection.ts';
import type { Server } from '../specs.ts';
import type { SourceRef } from '../types/identity.ts';
import type { TlsSecret } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';
import type { GatewayQueries } from './gateway.ts';
import { clientCaOf, credentialsOf } from './servertls.ts';

/** What a router gets under an SDS name. Never printed. */
export type GatewaySecret =
  | { readonly kind: 'certificate'; readonly certificateChain: Uint8Array; readonly privateKey: Uint8Array }
  | { readonly kind: 'roots'; readonly caCertificates: Uint8Array; readonly crl?: Uint8Array };

export interface SecretTrouble {
  /** Why what the Secret holds now is not in force. */
  readonly problem?: string;
  /** When the certificate in force expired, in milliseconds since the epoch. */
  readonly expiredAt?: number;
  /** When it becomes valid, in milliseconds since the epoch. */
  readonly validFrom?: number;
}

export interface SecretQueries {
  /** By gateway key: the SDS names that its servers use, and so the only ones it may read, with the Gateways that name them. */
  readonly gatewaySecretUsers: Query<ReadonlyMap<string, readonly SourceRef[]>>;
  /** By `cluster/namespace/SDS-name` (the router's cluster and namespace). */
  readonly gatewaySecret: Query<GatewaySecret | undefined>;
  /** By the same: what its author is to know of the Secret. */
  readonly gatewaySecretTrouble: Query<SecretTrouble>;
  /** Key '': when the next certificate of a Secret expires or becomes valid, in milliseconds since the epoch. */
  readonly nextCertificateChange: Query<number | undefined>;
  /** Key '': input keys of all Secrets that are referred to, in the namespaces of the proxies that would ask for them. */
  readonly referencedSecrets: Query<readonly string[]>;
  /** By input key of a Gateway: the places (`cluster/namespace`) of the routers it selects. */
  readonly gatewayPlaces: Query<readonly string[]>;
  /** By input key of a DestinationRule: the places of the proxies that may have the Secrets that it names. */
  readonly rulePlaces: Query<readonly string[]>;
}

export function defineSecrets(
  graph: Graph,
  inputs: MeshInputs,
  settings: Query<MeshSettings>,
  gateways: GatewayQueries,
): SecretQueries {
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
      const { problem, notAfter, notBefore } = readSecret(reader, inputs, key);
      const time = timeOf(reader, inputs);
      return {
        ...(problem === undefined ? {} : { problem }),
        ...(notAfter !== undefined && notAfter <= time ? { expiredAt: notAfter } : {}),
        ...(notBefore !== undefined && notBefore > time ? { validFrom: notBefore } : {}),
      };
    },
    { equal: sameData },
  );

  const nextCertificateChange = graph.query<number | undefined>(
    'nextCertificateChange',
    (reader) => {
      const time = timeOf(reader, inputs);
      const ahead = reader
        .keys(inputs.tlsSecrets)
        .flatMap((key) => {
          const { notBefore, notAfter } = reader.get(inputs.tlsSecrets, key) ?? {};
          return [notBefore, notAfter].filter((moment) => moment !== undefined && moment > time);
        })
        .filter((moment) => moment !== undefined);
      return ahead.length === 0 ? undefined : Math.min(...ahead);
    },
    { permanent: true },
  );

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

  const routerPlaces = graph.query<readonly string[]>(
    'routerPlaces',
    (reader) => {
      const places = reader.keys(inputs.gateways).flatMap((gateway) => reader.read(gatewayPlaces, gateway));
      return [...new Set(places)].sort();
    },
    { equal: sameData },
  );

  const rulePlaces = graph.query<readonly string[]>(
    'rulePlaces',
    (reader, key) => {
      const config = reader.get(inputs.destinationRules, key);
      if (config === undefined || findCredentials(config.spec).length === 0) return [];
      const { cluster, namespace, spec } = config;
      if (spec.workloadSelector?.matchLabels !== undefined) return [`${cluster}/${namespace}`];
      const exportTo = exportsOf(config, reader.read(settings, ''));
      return reader
        .read(routerPlaces, '')
        .filter((place) => exportedTo(exportTo, namespace, place.slice(place.indexOf('/') + 1)));
    },
    { equal: sameData },
  );

  const referencedSecrets = graph.query<readonly string[]>(
    'referencedSecrets',
    (reader) => {
      const keys = new Set<string>();
      const add = (places: readonly string[], names: readonly string[]) => {
        for (const place of places) for (const name of names.flatMap(secretsBehind)) keys.add(`${place}/${name}`);
      };
      for (const gateway of reader.keys(inputs.gateways)) {
        const servers = reader.get(inputs.gateways, gateway)?.spec.servers ?? [];
        const names = servers.flatMap(secretsOf);
        if (names.length > 0) add(reader.read(gatewayPlaces, gateway), names);
      }
      for (const config of reader.bucket(inputs.destinationRules, 'credential', 'named')) {
        const key = renderObjectKey(config.cluster, config.namespace, config.name);
        add(reader.read(rulePlaces, key), secretsOfRule(config.spec));
      }
      return [...keys].sort();
    },
    { equal: sameData, permanent: true },
  );

  return {
    gatewaySecretUsers,
    gatewaySecret,
    gatewaySecretTrouble,
    nextCertificateChange,
    referencedSecrets,
    gatewayPlaces,
    rulePlaces,
  };
}

/** Names of what one server needs of Secrets. */
export function secretsOf(server: Server): readonly string[] {
  return [...credentialsOf(server), clientCaOf(server)].filter((name) => name !== undefined);
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
  readonly notBefore?: number;
}

/** The roots for `NAME-cacert` are in the Secret of that name, or beside the certificate in `NAME`. */
function readSecret(reader: Reader, inputs: MeshInputs, key: string): FoundSecret {
  const [cluster = '', namespace = '', ...rest] = key.split('/');
  const names = secretsBehind(rest.join('/').replace(/^kubernetes:\/\//, ''));
  const [own, beside] = names.map((name) => reader.get(inputs.tlsSecrets, renderObjectKey(cluster, namespace, name)));
  if (names.length === 1) return own === undefined ? {} : readCertificate(own);
  if (own === undefined) return beside === undefined ? {} : readRoots(beside);
  // A Secret for roots alone may have them where others have their certificate.
  const { caCertificates, certificateChain, problems } = own;
  if (caCertificates !== undefined || problems?.roots !== undefined) return readRoots(own);
  const roots = problems?.certificate === undefined ? {} : { problems: { roots: problems.certificate } };
  return readRoots({ ...own, caCertificates: certificateChain, ...roots });
}

function readRoots({ caCertificates, crl, problems }: TlsSecret): FoundSecret {
  return {
    ...(caCertificates === undefined || caCertificates.length === 0
      ? {}
      : { secret: { kind: 'roots', caCertificates, ...(crl === undefined ? {} : { crl }) } }),
    ...(problems?.roots === undefined ? {} : { problem: problems.roots }),
  };
}

function readCertificate(secret: TlsSecret): FoundSecret {
  const { certificateChain, privateKey, caCertificates, notAfter, notBefore, problems } = secret;
  const problem = problems?.certificate === undefined ? {} : { problem: problems.certificate };
  if (certificateChain.length > 0 && privateKey.length > 0)
    return {
      secret: { kind: 'certificate', certificateChain, privateKey },
      ...(notAfter === undefined ? {} : { notAfter }),
      ...(notBefore === undefined ? {} : { notBefore }),
      ...problem,
    };
  // What has the wrong key is no certificate, and roots are not what was asked for.
  return caCertificates === undefined || problems?.certificate !== undefined ? problem : readRoots(secret);
}
