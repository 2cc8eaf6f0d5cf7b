import type { IstioOperatorStatus } from '#api/index.ts';
import { renderProblems } from '../install/problem.ts';
import type { ComponentHealth, Outcome } from './facts.ts';

type State = NonNullable<IstioOperatorStatus['status']>;
type Condition = NonNullable<IstioOperatorStatus['conditions']>[number];
type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface StatusInput {
  /** The status that stands, as far as we know. */
  readonly previous: IstioOperatorStatus | undefined;
  /** The generation that the outcome is about. */
  readonly generation: number;
  /** What is installed, once it is known. */
  readonly version: string | undefined;
  readonly outcome: Outcome;
  /** RFC 3339; used for conditions whose status changes now. */
  readonly now: string;
}

interface Verdict {
  readonly state: State;
  readonly message: string;
  readonly conditions: readonly Draft[];
}

interface Draft {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

/**
 * The whole status of an IstioOperator. The words in `status.status` are Istio's six, read by Argo CD; the conditions
 * follow kstatus: `Reconciling` and `Stalled` exist only while True and never together, and Ready is never True beside
 * them. Equal facts give an equal status, so that a write can be left out.
 */
export function buildStatus(input: StatusInput): IstioOperatorStatus {
  const { previous, generation, outcome } = input;
  const verdict = judge(outcome);
  const version = input.version ?? previous?.version;
  const componentStatus =
    outcome.kind === 'applied' ? renderComponents(outcome.components, input.version) : previous?.componentStatus;
  return {
    status: verdict.state,
    message: verdict.message,
    observedGeneration: generation,
    ...(version === undefined ? {} : { version }),
    ...(componentStatus === undefined ? {} : { componentStatus }),
    conditions: verdict.conditions.map((draft) => finish(draft, input)),
  };
}

function judge(outcome: Outcome): Verdict {
  switch (outcome.kind) {
    case 'begun':
      return progressing('Reconciling', 'applying the new specification', 'Unknown');
    case 'refused': {
      const message = `${renderProblems(outcome.problems)}. What runs is left alone.`;
      return stalled(outcome.reason, message, 'False');
    }
    case 'paused':
      return {
        state: 'NONE',
        message: 'reconciliation is paused by annotation',
        conditions: [
          { type: 'Ready', status: 'Unknown', reason: 'Paused', message: 'reconciliation is paused by annotation' },
          {
            type: 'Reconciled',
            status: 'Unknown',
            reason: 'Paused',
            message: 'reconciliation is paused by annotation',
          },
        ],
      };
    case 'failed':
      return outcome.permanent
        ? stalled(outcome.reason, outcome.message, 'False')
        : progressing(outcome.reason, outcome.message, 'False');
    case 'applied':
      return judgeApplied(outcome);
  }
}

function judgeApplied(outcome: Extract<Outcome, { kind: 'applied' }>): Verdict {
  const { components, webhooks, contested } = outcome;
  const failed = components.filter(({ state }) => state === 'failed');
  const waiting = components.filter(({ state }) => state === 'progressing');
  const extra: Draft[] = [
    contested.length === 0
      ? { type: 'Reconciled', status: 'True', reason: 'Applied', message: 'every object is as specified' }
      : {
          type: 'Reconciled',
          status: 'False',
          reason: 'FieldConflict',
          message: `claimed by others: ${contested.join('; ')}`,
        },
    renderWebhooks(webhooks),
    renderHonoured(outcome.notHonoured),
  ];
  const withExtra = (verdict: Verdict): Verdict => ({
    ...verdict,
    conditions: [...verdict.conditions.filter(({ type }) => type !== 'Reconciled'), ...extra],
  });
  if (failed.length > 0) return withExtra(stalled('ComponentFailed', listComponents(failed), 'True'));
  if (contested.length > 0)
    return withExtra(stalled('FieldConflict', `claimed by others: ${contested.join('; ')}`, 'False'));
  if (waiting.length > 0) return withExtra(progressing('ComponentsNotReady', listComponents(waiting), 'True'));
  if (webhooks.kind === 'waiting') return withExtra(progressing('WebhooksNotReady', webhooks.message, 'True'));
  const message =
    components.length === 0
      ? 'nothing is to be installed'
      : `${components.map(({ component }) => component).join(', ')} ready`;
  return withExtra({
    state: 'HEALTHY',
    message,
    conditions: [{ type: 'Ready', status: 'True', reason: 'Healthy', message }],
  });
}

function progressing(reason: string, message: string, reconciled: ConditionStatus): Verdict {
  return {
    state: 'RECONCILING',
    message,
    conditions: [
      { type: 'Ready', status: 'False', reason, message },
      { type: 'Reconciled', status: reconciled, reason, message },
      { type: 'Reconciling', status: 'True', reason, message },
    ],
  };
}

function stalled(reason: string, message: string, reconciled: ConditionStatus): Verdict {
  return {
    state: 'ERROR',
    message,
    conditions: [
      { type: 'Ready', status: 'False', reason, message },
      { type: 'Reconciled', status: reconciled, reason, message },
      { type: 'Stalled', status: 'True', reason, message },
    ],
  };
}

function renderWebhooks(webhooks: Extract<Outcome, { kind: 'applied' }>['webhooks']): Draft {
  switch (webhooks.kind) {
    case 'ready':
      return {
        type: 'WebhooksReady',
        status: 'True',
        reason: 'Applied',
        message: 'injection and validation are in force',
      };
    case 'off':
      return { type: 'WebhooksReady', status: 'True', reason: 'NotWanted', message: 'no webhook is to be installed' };
    case 'waiting':
      return { type: 'WebhooksReady', status: 'False', reason: 'Waiting', message: webhooks.message };
  }
}

const listed = 20;

function renderHonoured(notHonoured: readonly string[]): Draft {
  if (notHonoured.length === 0) {
    return { type: 'Honoured', status: 'True', reason: 'AllHonoured', message: 'every value has its effect' };
  }
  const more = notHonoured.length > listed ? `; and ${notHonoured.length - listed} more` : '';
  const message = `no effect: ${notHonoured.slice(0, listed).join('; ')}${more}`;
  return { type: 'Honoured', status: 'False', reason: 'NotHonoured', message };
}

function listComponents(components: readonly ComponentHealth[]): string {
  return components.map(({ component, message }) => `${component}: ${message}`).join('; ');
}

const componentState: Readonly<Record<ComponentHealth['state'], State>> = {
  ready: 'HEALTHY',
  progressing: 'RECONCILING',
  failed: 'ERROR',
};

function renderComponents(
  components: readonly ComponentHealth[],
  version: string | undefined,
): IstioOperatorStatus['componentStatus'] {
  return Object.fromEntries(
    components.map(({ component, state, message }) => [
      component,
      {
        status: componentState[state],
        ...(version === undefined ? {} : { version }),
        ...(message === '' ? {} : { error: message }),
      },
    ]),
  );
}

/** Keeps the time of a condition whose status is what it was. */
function finish(draft: Draft, { previous, generation, now }: StatusInput): Condition {
  const before = previous?.conditions?.find(({ type }) => type === draft.type);
  const same = before?.status === draft.status && before.lastTransitionTime !== undefined;
  return {
    ...draft,
    observedGeneration: generation,
    lastTransitionTime: same && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now,
  };
}
