/** The mesh vocabulary: identities, decoded inputs, resolved values. Types only. */
export type * from './identity.ts';
export type * from './inputs.ts';
export type * from './resolved.ts';
