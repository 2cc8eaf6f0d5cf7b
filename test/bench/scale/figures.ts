/** What one round with one server yields, and the bounds that are set for it. */
import type { Measurement } from '../measurement.ts';

export const figures = {
  'all connect': 's',
  'all connect: processor': 's',
  'all connect: peak memory': 'MB',
  'all connect: sent to each': 'kB',
  'all connect: processor of the proxies': 's',
  'idle memory': 'MB',
  'an endpoint': 'ms',
  'an endpoint: last proxy': 'ms',
  'an endpoint: processor': 'ms',
  'an endpoint: sent to each': 'kB',
  'a VirtualService': 'ms',
  'a VirtualService: last proxy': 'ms',
  'a VirtualService: processor': 'ms',
  'a VirtualService: sent to each': 'kB',
  'a DestinationRule': 'ms',
  'a DestinationRule: last proxy': 'ms',
  'a DestinationRule: processor': 'ms',
  'a DestinationRule: sent to each': 'kB',
  'a service comes and goes': 'ms',
  'a service comes and goes: last proxy': 'ms',
  'a service comes and goes: processor': 'ms',
  'a service comes and goes: sent to each': 'kB',
  '50 endpoints a second: median': 'ms',
  '50 endpoints a second: 99 of 100': 'ms',
  '50 endpoints a second: processor of each': 'ms',
  'all connect again': 's',
  'all connect again: processor': 's',
  'peak memory': 'MB',
  missed: 'count',
  'other than anew': 'count',
} as const satisfies Readonly<Record<string, Measurement['unit']>>;

export type Figure = keyof typeof figures;

/** Istiod's bytes differ from one build of the same resource to the next. */
export const incomparable: ReadonlySet<Figure> = new Set<Figure>(['other than anew']);

export type Round = Readonly<Record<Figure, number>>;

/** Bounds for 1,000 services × 10 endpoints with 100 VirtualServices and DestinationRules in 20 namespaces, by proxies. */
export const bounds: Readonly<Record<number, Partial<Record<Figure, number>>>> = {
  100: {
    'all connect': 0.8,
    'all connect: processor': 1,
    'all connect: peak memory': 350,
    'idle memory': 200,
    'an endpoint': 12,
    'an endpoint: processor': 10,
    'a VirtualService': 20,
    'a VirtualService: processor': 15,
    'a VirtualService: sent to each': 6,
    'a DestinationRule': 30,
    'a DestinationRule: processor': 30,
    'a DestinationRule: sent to each': 15,
    'a service comes and goes': 50,
    'a service comes and goes: processor': 70,
    'a service comes and goes: sent to each': 15,
    '50 endpoints a second: median': 30,
    '50 endpoints a second: 99 of 100': 150,
    missed: 0,
    'other than anew': 0,
  },
  500: {
    'all connect': 4,
    'all connect: processor': 4,
    'all connect: peak memory': 700,
    'idle memory': 300,
    'an endpoint': 40,
    'an endpoint: processor': 40,
    'a VirtualService': 50,
    'a VirtualService: processor': 50,
    'a VirtualService: sent to each': 6,
    'a DestinationRule': 80,
    'a DestinationRule: processor': 120,
    'a DestinationRule: sent to each': 15,
    'a service comes and goes': 130,
    'a service comes and goes: processor': 300,
    'a service comes and goes: sent to each': 15,
    '50 endpoints a second: median': 60,
    '50 endpoints a second: 99 of 100': 300,
    missed: 0,
    'other than anew': 0,
  },
};
