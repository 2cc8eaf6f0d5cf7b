import type { Diagnostic } from '#api/index.ts';
import type { Batch as EditBatch } from '#graph/index.ts';
import type { Logger } from '#runtime/index.ts';
import type { AnyObject, ConfigMapObject } from './decode/objects.ts';
import { parseMeshDocument } from './mesh-document.ts';
import type { ClusterWriter } from './writer.ts';

/** What became of the mesh's ConfigMap as it stands now. */
export interface MeshConfigOutcome {
  /** Undefined: there is none. */
  readonly object: AnyObject | undefined;
  /** Why it is not in force; empty when it is. */
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
  /** Whether an earlier one is in force in its place. */
  readonly lastValidInForce: boolean;
}

export interface MeshConfigReader {
  /**
   * Checks the ConfigMap as it stands now and says how the graph must change; undefined: not at all, because it is faulty
   * or gone and an earlier one stays in force, or because it is faulty and there never was one to stand in for it.
   */
  read(object: AnyObject | undefined): EditBatch | undefined;
}

export interface MeshConfigReaderOptions {
  readonly writer: Pick<ClusterWriter, 'setMeshConfig'>;
  /** Where the ConfigMap is looked for. */
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
  readonly onOutcome?: (outcome: MeshConfigOutcome) => void;
}

/** A ConfigMap that was never there stands for Istio's defaults; one that was valid once is never undone by its absence. */
export function createMeshConfigReader(options: MeshConfigReaderOptions): MeshConfigReader {
  const { writer, namespace, name, logger } = options;
  const place = { namespace, name };
  let inForce = false;

  const settle = (outcome: MeshConfigOutcome): void => {
    for (const { path, message } of outcome.errors)
      logger.error(
        inForce
          ? 'the mesh configuration is not valid; the last valid one stays in force'
          : 'the mesh configuration is not valid; nothing is served before it is',
        { ...place, path, problem: message },
      );
    for (const { path, message } of outcome.warnings)
      logger.warn('the mesh configuration', { ...place, path, problem: message });
    options.onOutcome?.(outcome);
  };

  return {
    read(object) {
      if (object === undefined && inForce) {
        logger.warn('the mesh configuration is gone; the last valid one stays in force', place);
        settle({ object, errors: [], warnings: [], lastValidInForce: true });
        return undefined;
      }
      const parsed = parseMeshDocument((object as ConfigMapObject | undefined)?.data);
      if (!parsed.ok) {
        settle({ object, errors: parsed.errors, warnings: [], lastValidInForce: inForce });
        return undefined;
      }
      inForce = object !== undefined;
      settle({ object, errors: [], warnings: parsed.warnings, lastValidInForce: false });
      return (edit) => writer.setMeshConfig(edit, parsed.value);
    },
  };
}
