import { type Diagnostic, honoured as honouredFields, type Kind, unhonouredFields } from '#api/index.ts';
import { parseSourceKey, renderSourceKey, type StatusSubject, type StatusSubjects } from '#controllers/index.ts';
import { type Graph, sameMembers } from '#graph/index.ts';
import { type MeshInputs, type MeshKind, type MeshQueries, renderStandIn, type StatusFact } from '#model/index.ts';
import type { GenerationEntry, Generations } from '#registry/index.ts';
import { type Clock, nextTurn, TimeSlice } from '#runtime/index.ts';

export interface StatusSubjectsOptions {
  readonly graph: Graph;
  readonly inputs: Pick<MeshInputs, 'configs' | 'invalidConfigs'>;
  readonly model: Pick<MeshQueries, 'diagnostics'>;
  readonly generations: Generations;
  /** Only resources of this cluster: others are written by the control planes of theirs. */
  readonly clusterId: string;
  readonly onEdited: (listener: () => void) => () => void;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Longest stretch of looking at what changed, in milliseconds; one resource that takes longer is not cut. */
const SLICE_MS = 10;

/** What the graph knows of one resource; identity and generation come from the record of generations. */
type Findings = Omit<StatusSubject, 'key' | 'kind' | 'namespace' | 'name' | 'uid' | 'generation'>;

/** Mesh resources as the status controller sees them. Findings are a query, so only what changed is looked at again. */
export function createStatusSubjects(options: StatusSubjectsOptions): StatusSubjects {
  const { graph, inputs, model, generations, clusterId, onEdited, clock } = options;
  const findings = graph.query<Findings | undefined>('status.findings', (reader, key) => {
    const { kind, path } = splitKey(key);
    const config = reader.get(inputs.configs[kind], path);
    const invalid = reader.get(inputs.invalidConfigs, key);
    if (config === undefined && invalid === undefined) return undefined;
    const honoured = Object.hasOwn(honouredFields, kind);
    if (invalid !== undefined) {
      const errors = invalid.errors.map((error): Diagnostic => ({ ...error, severity: 'error' }));
      const meanwhile = kind === 'PeerAuthentication' ? { meanwhile: renderStandIn(invalid) } : {};
      return {
        honoured,
        errors,
        warnings: [],
        conflicts: [],
        lastValidInForce: invalid.lastValidInForce,
        ...meanwhile,
      };
    }
    const facts = reader.read(model.diagnostics, key);
    const of = (type: StatusFact['type']) =>
      facts
        .filter((fact) => fact.type === type)
        .map(({ path, message }): Diagnostic => ({ path, message, severity: 'warning' }));
    return {
      honoured,
      errors: of('Accepted'),
      warnings: honoured ? [...unhonouredFields(kind, config?.spec), ...of('NotHonoured')] : [],
      lastValidInForce: false,
      conflicts: of('Conflicted'),
      ...(honoured
        ? {
            references: {
              ...{ unresolved: of('ResolvedRefs'), invalid: of('InvalidRef') },
              ...{ expired: of('ExpiredRef'), early: of('EarlyRef') },
            },
          }
        : {}),
    };
  });

  /** One value for all of them, so that to see that none changed costs nothing for each. */
  const allFindings = graph.query<readonly unknown[]>(
    'status.allFindings',
    (reader) => {
      const ofKinds = Object.entries(inputs.configs).flatMap(([kind, input]) =>
        reader.keys(input).map((path) => `${kind}/${path}`),
      );
      const keys = new Set([...ofKinds, ...reader.keys(inputs.invalidConfigs)]);
      return [...keys]
        .filter((key) => splitKey(key).path.startsWith(`${clusterId}/`))
        .map((key) => reader.read(findings, key));
    },
    { equal: sameMembers, permanent: true },
  );

  /** Of each entry what was found last, so that a subject that did not change is the identical object. */
  const known = new WeakMap<GenerationEntry, { readonly found: Findings; readonly subject: StatusSubject }>();
  const resolve = (entry: GenerationEntry): StatusSubject | undefined => {
    const { cluster, kind, namespace, name, uid, generation } = entry;
    if (cluster !== clusterId) return undefined;
    const found = graph.read(findings, `${kind}/${cluster}/${namespace}/${name}`);
    if (found === undefined) return undefined;
    const before = known.get(entry);
    if (before?.found === found) return before.subject;
    const subject = { ...found, key: renderSourceKey(entry), kind, namespace, name, uid, generation };
    known.set(entry, { found, subject });
    return subject;
  };

  let last: {
    readonly entries: readonly GenerationEntry[];
    readonly found: readonly unknown[];
    readonly subjects: readonly StatusSubject[];
  } = { entries: [], found: [], subjects: [] };

  return {
    find: (key) => {
      const { cluster, kind, namespace, name } = parseSourceKey(key);
      const entry = generations.get(`${kind}/${cluster}/${namespace}/${name}`);
      return entry === undefined ? undefined : resolve(entry);
    },
    all: async (signal) => {
      const slice = new TimeSlice(SLICE_MS, () => clock.monotonic());
      for (;;) {
        const found = graph.advance(allFindings, '', slice.isOver)?.value;
        const entries = generations.values();
        if (found !== undefined && (last.entries !== entries || last.found !== found))
          last = { entries, found, subjects: entries.flatMap((entry) => resolve(entry) ?? []) };
        if (found !== undefined) return last.subjects;
        await nextTurn();
        if (signal.aborted) return undefined;
        slice.start();
      }
    },
    onChange: onEdited,
  };
}

/** `Kind/cluster/namespace/name` into the kind and its input's key. */
function splitKey(key: string): { readonly kind: MeshKind & Kind; readonly path: string } {
  const at = key.indexOf('/');
  return { kind: key.slice(0, at) as MeshKind, path: key.slice(at + 1) };
}
