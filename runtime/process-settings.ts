/** Settings that every long-running process has; a process's own schema spreads this shape and adds its own. */
import * as z from 'zod';
import { LOG_LEVELS } from './logger.ts';
import { durationSetting } from './settings.ts';

export const processSettings = {
  log: z
    .object({ level: z.enum(LOG_LEVELS).default('info').describe('least severe level that is logged') })
    .prefault({}),
  shutdownTimeout: durationSetting().prefault('20s').describe('longest time a stop may take'),
};
