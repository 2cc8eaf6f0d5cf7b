/**
 * Owns: the few words that every long-running process shares (clock, component, errors, coalescing, gRPC's frames, idle
 * memory, slices of time, waiting for an end, equality of lists, what is remembered of pairs).
 * May import: nothing, not even packages; the agent carries this folder into every pod.
 */
export { untilAborted } from './abort.ts';
export { type Clock, pause, systemClock } from './clock.ts';
export { createCoalescer } from './coalescer.ts';
export type { Component } from './component.ts';
export { type ErrorCode, LateenError, TerminalError } from './errors.ts';
export { buildFrame, buildFrameHead, FrameReader } from './grpc-frame.ts';
export { sameMembers } from './members.ts';
export { MemoryTidier } from './memory.ts';
export { rememberPairs } from './pairs.ts';
export { nextTurn, TimeSlice } from './time-slice.ts';
