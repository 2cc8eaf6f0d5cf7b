import { type Builder, createBuilder, createGraph, type Graph } from '#graph/index.ts';
import { createMeshInputs, createMeshQueries, type MeshInputs, type MeshQueries } from '#model/index.ts';
import { Generations, ObjectEvents } from '#registry/index.ts';
import type { Clock } from '#runtime/core/index.ts';

/** The graph of one process with what is defined on it, and who wants to know when it changed. */
export interface Mesh {
  readonly graph: Graph;
  /** The one door for edits and builds. */
  readonly builder: Builder;
  readonly inputs: MeshInputs;
  readonly model: MeshQueries;
  readonly generations: Generations;
  readonly events: ObjectEvents;
  /**
   * Calls the listener after each edit that changed something, generations stamped; returns how to stop. Must be cheap.
   * `partial`: what belongs to it is about to come.
   */
  onEdited(listener: (partial: boolean) => void): () => void;
}

export function createMesh(domainSuffix: string, clock: Clock): Mesh {
  const graph = createGraph();
  const inputs = createMeshInputs(graph, { domainSuffix });
  const model = createMeshQueries(graph, inputs);
  const generations = new Generations();
  const listeners = new Set<(partial: boolean) => void>();
  const builder = createBuilder(graph, clock, (revision, partial) => {
    generations.settle(revision);
    for (const listener of listeners) listener(partial);
  });
  return {
    graph,
    builder,
    inputs,
    model,
    generations,
    events: new ObjectEvents(),
    onEdited: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
