/** The mesh vocabulary: identities, decoded inputs, settings, proxies, resolved values, facts for status. Types only. */
export type * from './facts.ts';
export type * from './identity.ts';
export type * from './inputs.ts';
export type * from './proxy.ts';
export type * from './resolved.ts';
export type * from './settings.ts';
