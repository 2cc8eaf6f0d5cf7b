/**
 * The source that is a folder of YAML files: the same objects as in a cluster, for a mesh without one. The first look
 * arrives as one edit, every later one as another; what becomes faulty stays as it last was.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Edit, Batch as EditBatch } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import { type Clock, type Component, LateenError, type Logger, pause } from '#runtime/index.ts';
import { createObjectAdmission } from '../admission.ts';
import type { ObjectEvents } from '../events.ts';
import type { Generations } from '../generations.ts';
import { createMeshConfigReader, type MeshConfigOutcome } from '../mesh-config.ts';
import { type ClusterWriter, createClusterWriter } from '../writer.ts';
import { watchFolder } from './changes.ts';
import { createFolderReader } from './reader.ts';
import { type FileProblem, type FileResource, type FolderResources, mergeFiles } from './resources.ts';

export interface FileSourceOptions {
  readonly folder: string;
  readonly inputs: MeshInputs;
  readonly generations: Generations;
  readonly events?: ObjectEvents;
  /** Applies a batch to the graph. */
  readonly edit: (batch: EditBatch) => void;
  readonly clusterId: string;
  /** The ConfigMap that holds MeshConfig under the key `mesh`. Until it has been valid once, or is known not to be there, nothing is served. */
  readonly meshConfig: {
    readonly namespace: string;
    readonly name: string;
    readonly onOutcome?: (outcome: MeshConfigOutcome) => void;
  };
  /** How often the folder is looked at when nothing is heard of it, in milliseconds. Default 2,000. */
  readonly lookMs?: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface FileSource extends Component {
  /** Resolves once everything that stands in the folder, and a valid mesh configuration, is in the graph. */
  readonly synced: Promise<void>;
}

/** How long a file must stay as it is before it is read: whoever writes it may not be done. */
const SETTLE_MS = 50;

/** `run` rejects with LateenError `invalid` when the folder cannot be read at the start. */
export function createFileSource(options: FileSourceOptions): FileSource {
  const { folder, inputs, clusterId, logger, clock, lookMs = 2_000 } = options;
  const context = { clusterId, domainSuffix: inputs.domainSuffix, network: '' };
  const writer = createClusterWriter({
    inputs,
    context,
    generations: options.generations,
    systemNamespace: options.meshConfig.namespace,
    logger,
    ...(options.events === undefined ? {} : { events: options.events }),
  });
  const admission = createObjectAdmission(clusterId);
  const reader = createFolderReader(folder);
  const meshReader = createMeshConfigReader({ ...options.meshConfig, writer, logger });
  const { promise: synced, resolve: resolveSynced } = Promise.withResolvers<void>();
  const meshKey = `ConfigMap/${options.meshConfig.namespace}/${options.meshConfig.name}`;
  let inForce: ReadonlyMap<string, FileResource> = new Map();
  let first = true;
  const report = createReport(logger);

  /** Takes over the files as they were last read. */
  const apply = (): void => {
    const { resources, problems, foreign } = mergeFiles(inForce, reader.files());
    const changed = [...resources].filter(([key, { object }]) => !isDeepStrictEqual(inForce.get(key)?.object, object));
    const gone = [...inForce].filter(([key]) => !resources.has(key));
    inForce = resources;
    report(problems, foreign);
    if (!first && changed.length === 0 && gone.length === 0) return;
    const isMesh = ([key]: readonly [string, unknown]) => key === meshKey;
    const mesh = changed.find(isMesh) ?? gone.find(isMesh);
    const writeMesh = first || mesh !== undefined ? meshReader.read(resources.get(meshKey)?.object) : undefined;
    first = false;
    options.edit((edit) => {
      for (const [, resource] of gone) remove(edit, writer, resource, admission.forget);
      for (const [, { kind, object }] of changed)
        if (kind !== 'ConfigMap') writer.set(edit, kind, admission.admit(object));
      writeMesh?.(edit);
    });
    if (writeMesh !== undefined) resolveSynced();
  };

  return {
    name: 'files',
    synced,
    run: async (signal) => {
      await reader.look('now').catch((thrown: unknown) => {
        const reason = LateenError.from(thrown).message;
        throw new LateenError('invalid', `the folder ${folder} cannot be read: ${reason}`);
      });
      apply();
      const changes = watchFolder(
        {
          folder,
          clock,
          onTrouble: (error) =>
            logger.info('changes of the folder are found by looking', { folder, reason: error.message }),
        },
        signal,
      );
      let settled = true;
      while (!signal.aborted) {
        if (settled) await changes.next(lookMs, signal);
        else await pause(clock, SETTLE_MS, signal);
        if (signal.aborted) return;
        try {
          const look = await reader.look('when settled');
          settled = look.settled;
          if (look.changed) apply();
        } catch (thrown) {
          settled = true;
          const reason = LateenError.from(thrown).message;
          logger.warn('the folder cannot be read; what was read of it stays in force', { folder, reason });
        }
      }
    },
  };
}

function remove(
  edit: Edit,
  writer: ClusterWriter,
  { kind, object }: FileResource,
  forget: (object: { kind: string; namespace: string; name: string }) => void,
): void {
  const { name, namespace = '' } = object.metadata;
  forget({ kind, namespace, name });
  if (kind !== 'ConfigMap') writer.delete(edit, kind, { namespace, name });
}

const said: Readonly<Record<FileProblem['inForce'], string>> = {
  before: 'something in a file is not valid; its last valid version stays in force',
  nothing: 'something in a file is not valid, and nothing earlier stands in for it',
  elsewhere: 'something in a file has no effect',
};

/** Says each problem once for as long as it lasts. */
function createReport(logger: Logger): (problems: readonly FileProblem[], foreign: FolderResources['foreign']) => void {
  let known = new Set<string>();
  return (problems, foreign) => {
    const now = new Set<string>();
    for (const { file, document, path, message, inForce } of problems) {
      const id = JSON.stringify([file, document, path, message]);
      now.add(id);
      if (known.has(id)) continue;
      logger.error(said[inForce], {
        file,
        ...(document === 0 ? {} : { document }),
        ...(path === '' ? {} : { path }),
        problem: message,
      });
    }
    for (const [file, kinds] of foreign) {
      const id = JSON.stringify([file, kinds]);
      now.add(id);
      if (!known.has(id)) logger.info('objects of these kinds are not read', { file, kinds });
    }
    known = now;
  };
}
