/** `pilot-agent istio-iptables` and `istio-clean-iptables`: the pod's redirection, set once by an init container. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { LateenError } from '#runtime/core/index.ts';
import { parseResolvConf } from '../dns/resolvconf.ts';
import { type FlagSpecs, parseFlags, renderFlags } from '../flags.ts';
import type { AgentHost, Command } from '../host.ts';
import { type ApplyOptions, applyPlan, runProgram, verifyPlan } from '../iptables/apply.ts';
import { type Plan, planRules } from '../iptables/plan.ts';
import { probeRedirection } from '../iptables/probe.ts';
import { renderRestore } from '../iptables/restore.ts';
import { parseRedirectSettings, type RedirectSettings } from '../iptables/settings.ts';
import { planRoutes } from '../iptables/tproxy.ts';
import { createLogger, parseLogLevel } from '../log.ts';

const flags: FlagSpecs = {
  'envoy-port': { short: 'p', kind: 'text', help: 'port that outbound traffic is sent to', default: '15001' },
  'inbound-capture-port': { short: 'z', kind: 'text', help: 'port that inbound traffic is sent to', default: '15006' },
  'inbound-tunnel-port': { short: 'e', kind: 'text', help: 'HBONE port, never captured', default: '15008' },
  'proxy-uid': { short: 'u', kind: 'text', help: 'users whose traffic is the proxy’s own', default: '1337' },
  'proxy-gid': { short: 'g', kind: 'text', help: 'groups whose traffic is the proxy’s own', default: 'as proxy-uid' },
  'istio-inbound-interception-mode': {
    short: 'm',
    kind: 'text',
    help: 'REDIRECT, TPROXY or NONE',
    default: 'REDIRECT',
  },
  'istio-inbound-ports': { short: 'b', kind: 'text', help: 'inbound ports to capture, * for all', default: 'none' },
  'istio-local-exclude-ports': { short: 'd', kind: 'text', help: 'inbound ports to leave alone when all are captured' },
  'istio-service-cidr': { short: 'i', kind: 'text', help: 'outbound ranges to capture, * for all', default: 'none' },
  'istio-service-exclude-cidr': { short: 'x', kind: 'text', help: 'outbound ranges to leave alone' },
  'istio-outbound-ports': { short: 'q', kind: 'text', help: 'outbound ports to capture, whatever the range' },
  'istio-local-outbound-ports-exclude': { short: 'o', kind: 'text', help: 'outbound ports to leave alone' },
  'istio-exclude-interfaces': { short: 'c', kind: 'text', help: 'interfaces to leave alone' },
  'kube-virt-interfaces': {
    short: 'k',
    kind: 'text',
    help: 'interfaces of virtual machines: their traffic is outbound',
  },
  'istio-inbound-tproxy-mark': { short: 't', kind: 'text', help: 'packet mark of TPROXY', default: '1337' },
  'istio-inbound-tproxy-route-table': { short: 'r', kind: 'text', help: 'routing table of TPROXY', default: '133' },
  'redirect-dns': {
    kind: 'switch',
    help: 'send DNS queries to the agent: those to the servers of /etc/resolv.conf (also by ISTIO_META_DNS_CAPTURE=true)',
  },
  'capture-all-dns': { kind: 'switch', help: 'with redirect-dns: queries to any server' },
  'drop-invalid': { kind: 'switch', help: 'drop packets that conntrack calls invalid' },
  'dry-run': { short: 'n', kind: 'switch', help: 'print what would be applied' },
  'skip-rule-apply': { kind: 'switch', help: 'change nothing' },
  'run-validation': {
    kind: 'switch',
    help: 'check that the rules are in force; as a proxy user, also by a connection',
  },
  'cleanup-only': { kind: 'switch', help: 'remove the rules' },
  log_output_level: { kind: 'text', help: 'log level', default: 'default:info' },
  log_as_json: { kind: 'switch', help: 'write log lines as JSON' },
};

const help = `Flags:\n${renderFlags(flags)}\n\nRunning it again changes nothing. Needs the capabilities NET_ADMIN and NET_RAW.`;

export const iptablesCommand: Command = {
  usage: 'istio-iptables [flags]',
  summary: 'redirect the pod’s traffic to Envoy',
  help,
  run: (args, host) => runIptables(args, host, false),
};

export const cleanIptablesCommand: Command = {
  usage: 'istio-clean-iptables [flags]',
  summary: 'remove the redirection that istio-iptables with the same flags has set',
  help,
  run: (args, host) => runIptables(args, host, true),
};

async function runIptables(args: readonly string[], host: AgentHost, clean: boolean): Promise<number> {
  const { values, positionals } = parseFlags(args, flags);
  if (positionals.length > 0) throw new LateenError('invalid', `unexpected argument "${positionals[0]}"`);
  const redirectsDns = values['redirect-dns'] ?? host.env.ISTIO_META_DNS_CAPTURE;
  const { settings, problems } = parseRedirectSettings(
    { ...values, 'redirect-dns': redirectsDns },
    hasIpv6(),
    redirectsDns === 'true' ? await readResolvers(host) : [],
  );
  if (problems.length > 0) throw new LateenError('invalid', problems.join('\n'));
  const level = parseLogLevel(values.log_output_level || 'default:info') ?? 'info';
  const log = createLogger({ level, json: values.log_as_json === 'true', clock: host.clock, write: host.out });
  const options: ApplyOptions = { run: runProgram, log };
  const plan = planRules(settings);
  try {
    if (values['dry-run'] === 'true') {
      host.out(renderPlan(plan));
      return 0;
    }
    if (clean || values['cleanup-only'] === 'true') {
      await applyPlan(planRules({ ...settings, mode: 'NONE' }), options, plan);
      return 0;
    }
    if (settings.mode === 'NONE') {
      log.info('interception mode NONE: nothing is redirected');
      return 0;
    }
    if (values['skip-rule-apply'] !== 'true') {
      await applyPlan(plan, options);
      await applyAddresses(settings, options);
    }
    return values['run-validation'] === 'true' ? await validate(settings, plan, options) : 0;
  } catch (error) {
    const fault = LateenError.from(error);
    log.error('redirection failed', { code: fault.code, error: fault.message });
    return 1;
  }
}

/** Exit code 126 as in Istio: the platform's repair looks for it. */
const validationFailed = 126;

async function validate(settings: RedirectSettings, plan: Plan, options: ApplyOptions): Promise<number> {
  const uid = String(process.getuid?.() ?? '');
  // Only root may read the rules; a proxy user can see them work instead.
  const differences = settings.proxyUids.includes(uid)
    ? await probeRedirection(settings)
    : await verifyPlan(plan, options);
  for (const difference of differences) options.log.error('redirection not in force', { difference });
  if (differences.length === 0) options.log.info('redirection validated');
  return differences.length === 0 ? 0 : validationFailed;
}

/** Policy routes of TPROXY, and the IPv6 counterpart of 127.0.0.6, which has to exist before anything can bind it. */
async function applyAddresses(settings: RedirectSettings, { run, log }: ApplyOptions): Promise<void> {
  const commands = [
    ...planRoutes(settings),
    ...(settings.ipv6 ? [['-6', 'address', 'replace', '::6/128', 'dev', 'lo']] : []),
  ];
  for (const args of commands) {
    const result = await run('ip', args);
    if (result.code === 0 || result.stderr.includes('File exists')) continue;
    const failure = `ip ${args.join(' ')}: ${result.stderr || `exit code ${result.code}`}`;
    if (settings.mode === 'TPROXY') throw new LateenError('internal', failure);
    log.warn('address not set', { failure });
  }
}

function renderPlan(plan: Plan): string {
  return [
    ['# iptables-restore --noflush', renderRestore(plan.v4, new Map())],
    ['# ip6tables-restore --noflush', renderRestore(plan.v6, new Map())],
  ]
    .filter(([, text]) => text !== '')
    .map(([title, text]) => `${title}\n${text}`)
    .join('');
}

/** The servers that the pod asks. */
async function readResolvers({ env }: AgentHost): Promise<readonly string[]> {
  const path = env.RESOLV_CONF_PATH || '/etc/resolv.conf';
  try {
    return parseResolvConf(await readFile(path, 'utf8')).servers;
  } catch (error) {
    throw new LateenError('invalid', `DNS cannot be redirected: ${LateenError.from(error).message}`);
  }
}

/** Whether the pod has an IPv6 address that others reach it by. */
function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(
      ({ family, internal, address }) => family === 'IPv6' && !internal && !address.toLowerCase().startsWith('fe80:'),
    ),
  );
}
