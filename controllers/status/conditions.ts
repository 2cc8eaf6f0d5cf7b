import type { Diagnostic } from '#api/index.ts';
import type { DeliveryFact } from '../delivery/facts.ts';

/** A condition as it stands in `status.conditions`. */
export interface StatusCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** What is known of one resource when its status is decided. */
export interface ConditionFacts {
  readonly generation: number;
  /** Whether this control plane acts upon the kind at all. */
  readonly honoured: boolean;
  /** Errors: the present version is invalid. */
  readonly errors: readonly Diagnostic[];
  /** Fields that are set and not honoured, unknown fields. */
  readonly warnings: readonly Diagnostic[];
  readonly lastValidInForce: boolean;
  /** What holds in the place of an invalid version, where it is neither an earlier one nor nothing. */
  readonly meanwhile?: string;
  /** References with something to say of; undefined for kinds that refer to nothing. */
  readonly references?: {
    /** They lead nowhere. */
    readonly unresolved: readonly Diagnostic[];
    /** To something that cannot be used. */
    readonly invalid: readonly Diagnostic[];
    /** To certificates that are served although they have expired. */
    readonly expired: readonly Diagnostic[];
    /** To certificates that are served although they are not valid yet. */
    readonly early: readonly Diagnostic[];
  };
  readonly conflicts: readonly Diagnostic[];
  /** Undefined until a replica has translated this generation. */
  readonly delivery?: Pick<DeliveryFact, 'affected' | 'acknowledged' | 'rejection' | 'waitingFor'>;
}

type Verdict = Pick<StatusCondition, 'status' | 'reason' | 'message'>;

/** What others write of a resource, such as its health, stands beside these. */
const ownTypes: ReadonlySet<string> = new Set(['Accepted', 'ResolvedRefs', 'Programmed', 'Conflicted']);

const listed = 4;

/** `a: why; b: why; and 3 more`, stable for the same input. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const texts = diagnostics
    .slice(0, listed)
    .map((diagnostic) => (diagnostic.path === '' ? diagnostic.message : `${diagnostic.path}: ${diagnostic.message}`));
  const rest = diagnostics.length - texts.length;
  return rest > 0 ? `${texts.join('; ')}; and ${rest} more` : texts.join('; ');
}

function resolveAccepted(facts: ConditionFacts): Verdict {
  if (facts.errors.length > 0) {
    const { meanwhile = 'it is not in force' } = facts;
    const consequence = facts.lastValidInForce ? 'the last valid version stays in force' : meanwhile;
    return { status: 'False', reason: 'Invalid', message: `${renderDiagnostics(facts.errors)} (${consequence})` };
  }
  if (!facts.honoured) {
    return {
      status: 'True',
      reason: 'NotHonoured',
      message: 'valid, and without effect: this version does not act upon the kind',
    };
  }
  if (facts.warnings.length > 0)
    return {
      status: 'True',
      reason: 'PartiallyHonoured',
      message: `accepted; not honoured: ${renderDiagnostics(facts.warnings)}`,
    };
  return { status: 'True', reason: 'Accepted', message: 'valid' };
}

function resolveReferences(references: NonNullable<ConditionFacts['references']>): Verdict {
  const { unresolved, invalid, expired, early } = references;
  const message = renderDiagnostics([...unresolved, ...invalid, ...expired, ...early]);
  if (unresolved.length > 0) return { status: 'False', reason: 'RefNotFound', message };
  if (invalid.length > 0) return { status: 'False', reason: 'InvalidRef', message };
  if (expired.length > 0) return { status: 'True', reason: 'CertificateExpired', message };
  if (early.length > 0) return { status: 'True', reason: 'CertificateNotYetValid', message };
  return { status: 'True', reason: 'ResolvedRefs', message: 'every reference resolves' };
}

/**
 * Whether the resource is in force on every proxy it affects. Proxies that come or go never change the verdict once it
 * is True at a generation; only a refusal does.
 */
function resolveProgrammed(facts: ConditionFacts, previous: StatusCondition | undefined): Verdict {
  if (facts.errors.length > 0)
    return { status: 'False', reason: 'Invalid', message: 'an invalid version is not sent to any proxy' };
  if (!facts.honoured)
    return { status: 'False', reason: 'NotHonoured', message: 'this version does not act upon the kind' };
  const { delivery } = facts;
  if (delivery?.rejection !== undefined) {
    return {
      status: 'False',
      reason: 'EnvoyRejected',
      message: `${delivery.rejection.proxy} refused it: ${delivery.rejection.message}`,
    };
  }
  if (previous !== undefined && isLasting(previous, facts.generation)) return previous;
  if (delivery === undefined)
    return { status: 'False', reason: 'Pending', message: 'not yet translated at this generation' };
  if (delivery.affected === 0)
    return { status: 'Unknown', reason: 'NoProxiesAffected', message: 'no connected proxy uses it' };
  if (delivery.acknowledged >= delivery.affected) {
    return {
      status: 'True',
      reason: 'Programmed',
      message: `acknowledged by ${delivery.acknowledged} of ${delivery.affected} proxies`,
    };
  }
  if (delivery.waitingFor.length > 0) {
    return {
      status: 'False',
      reason: 'WaitingForClusters',
      message: `held back until these clusters are warm: ${delivery.waitingFor.join(', ')}`,
    };
  }
  return {
    status: 'False',
    reason: 'Pending',
    message: `acknowledged by ${delivery.acknowledged} of ${delivery.affected} proxies`,
  };
}

function isLasting(programmed: StatusCondition, generation: number): boolean {
  return programmed.status === 'True' && programmed.observedGeneration === generation;
}

/** Whether a resource stands as programmed at this generation: nothing but a refusal takes that back. */
export function isProgrammed(conditions: readonly StatusCondition[], prefix: string, generation: number): boolean {
  return conditions.some((condition) => condition.type === `${prefix}Programmed` && isLasting(condition, generation));
}

/**
 * The conditions a resource should have. Returns undefined when nothing would change but times and what `Programmed` counts, so
 * that a write happens only when a status, a reason, the generation or what is wrong does (Kubernetes API conventions,
 * conditions).
 * @param now RFC 3339, whole seconds
 * @param prefix stands before each type, so that every revision keeps entries of its own; empty for the default revision
 */
export function planConditions(
  facts: ConditionFacts,
  previous: readonly StatusCondition[],
  now: string,
  prefix = '',
): readonly StatusCondition[] | undefined {
  const find = (type: string) => previous.find((condition) => condition.type === prefix + type);
  const verdicts: [string, Verdict][] = [['Accepted', resolveAccepted(facts)]];
  if (facts.references !== undefined && facts.errors.length === 0)
    verdicts.push(['ResolvedRefs', resolveReferences(facts.references)]);
  verdicts.push(['Programmed', resolveProgrammed(facts, find('Programmed'))]);
  if (facts.conflicts.length > 0)
    verdicts.push([
      'Conflicted',
      { status: 'True', reason: 'Conflicted', message: renderDiagnostics(facts.conflicts) },
    ]);
  const next = verdicts.map(([type, verdict]): StatusCondition => {
    const before = find(type);
    const transition = before !== undefined && before.status === verdict.status ? before.lastTransitionTime : now;
    return {
      type: prefix + type,
      status: verdict.status,
      reason: verdict.reason,
      message: verdict.message.slice(0, 1024),
      observedGeneration: facts.generation,
      lastTransitionTime: transition,
    };
  });
  const own = ownConditions(previous, prefix);
  const same =
    own.length === next.length &&
    next.every((condition) => {
      const before = own.find(({ type }) => type === condition.type);
      return (
        before !== undefined &&
        sameVerdict(before, condition) &&
        (condition.type === `${prefix}Programmed` || before.message === condition.message)
      );
    });
  return same ? undefined : next;
}

/** Those that this control plane writes. */
export function ownConditions(conditions: readonly StatusCondition[], prefix: string): readonly StatusCondition[] {
  return conditions.filter(({ type }) => type.startsWith(prefix) && ownTypes.has(type.slice(prefix.length)));
}

/** Whether all of these are there as they were written. */
export function hasConditions(found: readonly StatusCondition[], written: readonly StatusCondition[]): boolean {
  return written.every((own) =>
    found.some((one) => one.type === own.type && sameVerdict(one, own) && one.message === own.message),
  );
}

function sameVerdict(a: StatusCondition, b: StatusCondition): boolean {
  return a.status === b.status && a.reason === b.reason && a.observedGeneration === b.observedGeneration;
}
