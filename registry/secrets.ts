import type { Batch as EditBatch } from '#graph/index.ts';
import { type KubeClient, type KubeObject, resources, watchKind } from '#kube/index.ts';
import type { Clock, Component, Logger } from '#runtime/index.ts';
import { lookAfterEdits, type OnEdited } from './after-edits.ts';
import type { AnyObject } from './decode/objects.ts';
import type { ClusterWriter } from './writer.ts';

export interface SecretSourceOptions {
  readonly client: KubeClient;
  readonly writer: ClusterWriter;
  readonly edit: (batch: EditBatch) => void;
  readonly clusterId: string;
  /** Keys (`cluster/namespace/name`) of the Secrets that are wanted now; the identical list while they are the same. */
  readonly referencedSecrets: () => readonly string[];
  readonly onEdited: OnEdited;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

interface Following {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Watches exactly the Secrets that gateways refer to, one by one by name, and forgets each when nothing refers to it. */
export function createSecretSource(options: SecretSourceOptions): Component {
  const { client, writer, edit, clusterId, logger, clock, random } = options;
  const following = new Map<string, Following>();

  const follow = (key: string, signal: AbortSignal) => {
    const [, namespace = '', name = ''] = key.split('/');
    const stop = new AbortController();
    const watch = watchKind<KubeObject>({
      client,
      resource: resources.secrets,
      namespace,
      fieldSelector: `metadata.name=${name}`,
      clock,
      random,
      onBatch: (batch) => {
        if (stop.signal.aborted) return;
        const objects =
          batch.type === 'replace'
            ? batch.objects
            : batch.changes.flatMap(({ type, object }) => (type === 'set' ? [object] : []));
        const latest = objects.at(-1);
        edit((all) =>
          latest === undefined
            ? writer.delete(all, 'Secret', { namespace, name })
            : writer.set(all, 'Secret', latest as AnyObject),
        );
      },
      onTrouble: ({ error, retryInMs }) =>
        logger.warn('a secret cannot be watched', {
          namespace,
          name,
          retryInMs: Math.round(retryInMs),
          reason: error.message,
        }),
    });
    following.set(key, { stop, done: watch.run(AbortSignal.any([signal, stop.signal])) });
  };

  const forget = (key: string) => {
    const [, namespace = '', name = ''] = key.split('/');
    following.get(key)?.stop.abort();
    following.delete(key);
    edit((all) => writer.delete(all, 'Secret', { namespace, name }));
  };

  let reconciled: readonly string[] | undefined;
  const reconcile = (signal: AbortSignal) => {
    const all = options.referencedSecrets();
    if (all === reconciled) return;
    reconciled = all;
    const wanted = new Set(all.filter((key) => key.startsWith(`${clusterId}/`)));
    for (const key of [...following.keys()]) if (!wanted.has(key)) forget(key);
    for (const key of wanted) if (!following.has(key)) follow(key, signal);
  };

  return {
    name: 'referenced secrets',
    run: async (signal) => {
      await lookAfterEdits(options.onEdited, () => reconcile(signal), signal);
      await Promise.all([...following.values()].map(({ done }) => done));
    },
  };
}
