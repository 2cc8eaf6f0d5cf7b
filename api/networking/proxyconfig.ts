import * as z from 'zod';
import { int32, nullable, type Value } from '../schema/vocabulary.ts';
import { policySelector } from '../shared/selector.ts';

export const ProxyImage = z.object({
  imageType: z.string().optional().describe('Flavour of the image: default, debug or distroless.'),
});
export type ProxyImage = Value<typeof ProxyImage>;

/** The resource of networking.istio.io; the mesh-wide settings of the same name are in `mesh/`. */
export const ProxyConfigSpec = z.object({
  selector: policySelector(),
  concurrency: nullable(int32().min(0)).describe('Worker threads of the proxy; 0 for as many as there are CPUs.'),
  environmentVariables: z.record(z.string(), z.string().max(2048)).optional().describe('Environment of the proxy.'),
  image: ProxyImage.optional().describe('Image of the proxy.'),
});
export type ProxyConfigSpec = Value<typeof ProxyConfigSpec>;
