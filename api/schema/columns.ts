import type { PrinterColumn } from './kind.ts';

/** Columns of `kubectl get`. */
export const age: PrinterColumn = {
  name: 'Age',
  jsonPath: '.metadata.creationTimestamp',
  type: 'date',
  description: 'Time since the resource was created.',
};

export const column = (name: string, jsonPath: string, description: string, priority?: number): PrinterColumn => ({
  name,
  jsonPath,
  type: 'string',
  description,
  ...(priority === undefined ? {} : { priority }),
});

export const conditionColumn = (type: string, description: string): PrinterColumn =>
  column(type, `.status.conditions[?(@.type=="${type}")].status`, description);

/** "Is it in force?" */
export const inForce: readonly PrinterColumn[] = [
  conditionColumn('Accepted', 'Whether the resource is valid.'),
  conditionColumn('Programmed', 'Whether every affected proxy has acknowledged it.'),
];
