import { KubeError, objectKey } from '#kube/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { ComponentName } from '../install/installation.ts';
import type { Child } from '../render/child.ts';

/** How many failures are told in full. */
const named = 3;

/** Children that could not be applied: they are collected, so that one of them does not keep the others from being mended. */
export class ApplyFailures {
  readonly #failed: { readonly child: Child; readonly error: KubeError }[] = [];

  /** Runs `apply`; an API server's refusal of this one child is kept, everything else ends the whole. */
  async attempt(child: Child, apply: () => Promise<void>): Promise<void> {
    try {
      await apply();
    } catch (thrown) {
      if (!(thrown instanceof KubeError) || concernsAll(thrown)) throw thrown;
      this.#failed.push({ child, error: thrown });
    }
  }

  /** Whether a child of one of these components could not be applied. */
  concern(...components: readonly ComponentName[]): boolean {
    return this.#failed.some(({ child }) => components.includes(child.component));
  }

  /** Fails if anything failed: with the kind of error that has to be mended by hand, if there is one. */
  throwIfAny(contested: readonly string[]): void {
    const [first, ...others] = this.#failed;
    if (first === undefined) return;
    const worst = [first, ...others].find(({ error }) => needsHands(error)) ?? first;
    const told = this.#failed
      .slice(0, named)
      .map(({ child, error }) => `${child.resource.kind} ${objectKey(child.object)}: ${error.message}`);
    const more = this.#failed.length > named ? [`and ${this.#failed.length - named} more`] : [];
    const claims = contested.length > 0 ? [`claimed by others: ${contested.join('; ')}`] : [];
    throw new LateenError(worst.error.code, [...told, ...more, ...claims].join('; '), { cause: worst.error });
  }
}

/** No answer, no longer allowed to write, not known, or asked to slow down: the next child would fare no better. */
function concernsAll({ httpStatus }: KubeError): boolean {
  return httpStatus === 0 || httpStatus === 401 || httpStatus === 429;
}

function needsHands({ code }: KubeError): boolean {
  return code === 'forbidden' || code === 'invalid';
}
