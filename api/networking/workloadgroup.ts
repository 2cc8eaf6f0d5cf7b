import * as z from 'zod';
import { atMostOne, withRule } from '../schema/rule.ts';
import { bounded, int32, portNumber, stringMap, type Value } from '../schema/vocabulary.ts';
import { WorkloadTemplate } from './workloadentry.ts';

const count = () => int32().min(0).optional();

/** How the agent finds out whether the application beside it is ready. */
export const ReadinessProbe = atMostOne(
  z.object({
    initialDelaySeconds: count().describe('Seconds before the first probe.'),
    timeoutSeconds: count().describe('Seconds that a probe may take.'),
    periodSeconds: count().describe('Seconds between probes.'),
    successThreshold: count().describe('Successes in a row that make it ready.'),
    failureThreshold: count().describe('Failures in a row that make it unready.'),
    httpGet: z
      .object({
        path: z.string().optional().describe('Path to ask for.'),
        port: portNumber().describe('Port to ask.'),
        host: z.string().optional().describe('Host to connect to; the workload itself when absent.'),
        scheme: withRule(z.string(), {
          cel: 'self in ["", "HTTP", "HTTPS"]',
          message: 'must be HTTP or HTTPS',
          holds: (scheme) => ['', 'HTTP', 'HTTPS'].includes(scheme),
        })
          .optional()
          .describe('HTTP or HTTPS.'),
        httpHeaders: z
          .array(
            z.object({
              name: z
                .string()
                .regex(/^[-_A-Za-z0-9]+$/)
                .optional()
                .describe('Name of the header.'),
              value: z.string().optional().describe('Its value.'),
            }),
          )
          .optional()
          .describe('Headers to send.'),
      })
      .optional()
      .describe('Ready when an HTTP request is answered with 200 to 399.'),
    tcpSocket: z
      .object({
        host: z.string().optional().describe('Host to connect to.'),
        port: portNumber().describe('Port to connect to.'),
      })
      .optional()
      .describe('Ready when a connection opens.'),
    exec: z
      .object({ command: z.array(z.string().min(1)).describe('Command and arguments, without a shell.') })
      .optional()
      .describe('Ready when the command ends with 0.'),
    grpc: z
      .object({
        port: portNumber().optional().describe('Port to ask.'),
        service: z.string().optional().describe('Service name in the health check.'),
      })
      .optional()
      .describe('Ready when the gRPC health service says so.'),
  }),
  'httpGet',
  'tcpSocket',
  'exec',
  'grpc',
);
export type ReadinessProbe = Value<typeof ReadinessProbe>;

export const WorkloadGroupSpec = z.object({
  metadata: z
    .object({
      labels: bounded(stringMap(), { max: 256 }).optional().describe('Labels of the entries.'),
      annotations: bounded(stringMap(), { max: 256 }).optional().describe('Annotations of the entries.'),
    })
    .optional()
    .describe('Metadata given to each WorkloadEntry made from the group.'),
  template: WorkloadTemplate.describe('What each WorkloadEntry made from the group looks like.'),
  probe: ReadinessProbe.optional().describe('Readiness of the workload.'),
});
export type WorkloadGroupSpec = Value<typeof WorkloadGroupSpec>;
