/** The questions about the control plane that one stream asks; see debug.ts. */
import { LateenError } from '#runtime/index.ts';
import { type DebugResponder, encodeAnswer } from './debug.ts';
import type { ProvenIdentity } from './identity.ts';
import type { DebugQuestion, Protocol } from './request.ts';
import type { EncodedResponse } from './response.ts';

/** Questions of one stream that may wait for their answers. */
const MOST_QUESTIONS = 4;

export class Questions {
  readonly #protocol: Protocol;
  readonly #responder: DebugResponder;
  readonly #identity: ProvenIdentity;
  #waiting = 0;
  #answered = 0;

  constructor(protocol: Protocol, responder: DebugResponder, identity: ProvenIdentity) {
    this.#protocol = protocol;
    this.#responder = responder;
    this.#identity = identity;
  }

  /** Throws LateenError `invalid` when too many wait, and what the responder refuses. The stream ends with either. */
  async ask(question: DebugQuestion): Promise<EncodedResponse> {
    if (this.#waiting >= MOST_QUESTIONS) throw new LateenError('invalid', 'too many questions at once');
    this.#waiting += 1;
    const answer = await this.#responder.answer(question, this.#identity);
    this.#waiting -= 1;
    this.#answered += 1;
    return encodeAnswer(this.#protocol, question.typeUrl, answer, this.#answered);
  }
}
