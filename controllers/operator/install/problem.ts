/** Something in an IstioOperator that a user has to change before it can be installed. */
export interface Problem {
  /** From the resource's root, e.g. `spec.values.pilot.replicaCount`. */
  readonly path: string;
  readonly message: string;
}

/** One line for a status message: sorted, so that it is the same every time. */
export function renderProblems(problems: readonly Problem[]): string {
  return [...new Set(problems.map(({ path, message }) => `${path}: ${message}`))].sort().join('; ');
}
