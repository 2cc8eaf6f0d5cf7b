/**
 * The rings of tests, innermost first. A ring is a set of files and what the machine must have before they run.
 * `setup` names are understood by hack/setup.
 */
import type { Need } from '../setup/index.ts';

export interface Ring {
  readonly name: string;
  readonly describes: string;
  readonly files: readonly string[];
  /** Milliseconds one test may take unless it says otherwise. */
  readonly timeoutMs: number;
  readonly needs: readonly Need[];
}

export const rings: readonly Ring[] = [
  {
    name: 'unit',
    describes: 'plain functions, beside their source',
    files: [
      '{api,runtime,graph,model,kube,registry,wire,envoy,translate,xds,ca,webhook,controllers,agent,cmd,hack}/**/*.test.ts',
      'test/bench/**/*.test.ts',
    ],
    timeoutMs: 10_000,
    needs: ['descriptors'],
  },
  {
    name: 'pipeline',
    describes: 'our real server in one process, spoken to over gRPC; a real API server where the stage talks to one',
    files: ['test/pipeline/**/*.test.ts'],
    timeoutMs: 60_000,
    needs: ['descriptors', 'apiserver', 'proxies'],
  },
  {
    name: 'envoy',
    describes: 'the real Envoy: everything generated is accepted and behaves',
    files: ['test/envoy/**/*.test.ts'],
    timeoutMs: 60_000,
    needs: ['descriptors', 'envoy'],
  },
  {
    name: 'cluster',
    describes: 'a real Kubernetes with real pods',
    files: ['test/cluster/**/*.test.ts'],
    timeoutMs: 300_000,
    needs: ['descriptors', 'envoy', 'cluster'],
  },
];
