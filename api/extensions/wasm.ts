/** What WasmPlugin and the Wasm half of TrafficExtension share. */
import * as z from 'zod';
import { withRule } from '../schema/rule.ts';
import { listMap, preserved, type Value } from '../schema/vocabulary.ts';

const schemes = ['', 'http', 'https', 'file', 'oci'];

/** As Go reads it, `registry:5000/image` has the scheme `registry`; a text without scheme is an image reference. */
function moduleScheme(text: string): string | undefined {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1];
  if (scheme !== undefined) return scheme.toLowerCase();
  if (text.startsWith('/')) return '';
  return URL.canParse(`http://${text}`) ? 'http' : undefined;
}

const EnvVar = withRule(
  z.object({
    name: z.string().min(1).max(256).describe('Name of the variable.'),
    valueFrom: z.enum(['INLINE', 'HOST']).optional().describe('INLINE takes value, HOST the proxy’s own variable.'),
    value: z.string().max(2048).optional().describe('The value, for INLINE.'),
  }),
  {
    cel: '(has(self.valueFrom) ? self.valueFrom : "") != "HOST" || !has(self.value)',
    message: 'value goes with valueFrom INLINE only',
    holds: (env) => env.valueFrom !== 'HOST' || env.value === undefined,
  },
);

export const wasmFields = {
  url: withRule(z.string().min(1), {
    cel: 'isURL(self) ? (url(self).getScheme() in ["", "http", "https", "file", "oci"]) : (isURL("http://" + self) && url("http://" + self).getScheme() in ["", "http", "https", "file", "oci"])',
    message: 'the scheme must be http, https, file or oci',
    holds: (text) => schemes.includes(moduleScheme(text) ?? 'none'),
  }).describe('Where the module is: oci, https, http or file; oci without a scheme.'),
  sha256: z
    .string()
    .regex(/(^$|^[a-f0-9]{64}$)/)
    .optional()
    .describe('Digest that the module must have.'),
  imagePullPolicy: z
    .enum(['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'])
    .optional()
    .describe('When the module is fetched again.'),
  imagePullSecret: z.string().min(1).max(253).optional().describe('Secret for the registry.'),
  verificationKey: z.string().optional().describe('Key that the signature is checked with.'),
  pluginConfig: preserved().optional().describe('Configuration handed to the plugin.'),
  pluginName: z.string().min(1).max(256).optional().describe('Name of the plugin in the module.'),
  failStrategy: z
    .enum(['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'])
    .optional()
    .describe('What happens to traffic when the plugin fails.'),
  type: z.enum(['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']).optional().describe('Kind of filter.'),
  vmConfig: z
    .object({ env: listMap(z.array(EnvVar).max(256), 'name').optional().describe('Environment of the module.') })
    .optional()
    .describe('Settings of the virtual machine.'),
};

export const TrafficSelector = z.object({
  mode: z.enum(['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER']).optional().describe('Which side of the call.'),
  ports: listMap(z.array(z.object({ number: z.int().min(1).max(65_535).describe('Port number.') })), 'number')
    .optional()
    .describe('Ports; all when absent.'),
});
export type TrafficSelector = Value<typeof TrafficSelector>;

export const trafficMatch = () =>
  z.array(TrafficSelector).optional().describe('Traffic that goes through the extension; all when absent.');
