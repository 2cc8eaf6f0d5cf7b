// Stands for a file of graph/ that breaks its wall twice: the boundary check must report both imports.
import { pino } from 'pino';
import type { ServedResource } from '#xds/source.ts';

export const violation: readonly unknown[] = [pino, undefined satisfies ServedResource | undefined];
