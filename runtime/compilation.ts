/** How soon V8 compiles what is called often. */
import { setFlagsFromString } from 'node:v8';

/**
 * From now on a function is optimized only once it was called this often since the process started, and not after some
 * hundreds of calls; a long loop is, as before. For a process that has compiled what it will need: what is left is called
 * too seldom to earn the time of a compiler.
 */
export function deferOptimization(calls: number): void {
  setFlagsFromString(`--minimum-invocations-before-optimization=${calls}`);
}
