/** The command line of `pilot-agent`: picks the command, prints help, turns mistakes into one clear line. */
import { LateenError } from '#runtime/core/index.ts';
import { cleanIptablesCommand, iptablesCommand } from './commands/iptables.ts';
import { proxyCommand } from './commands/proxy.ts';
import { requestCommand, waitCommand } from './commands/request.ts';
import type { AgentHost, Command } from './host.ts';

const commands: Readonly<Record<string, Command>> = {
  proxy: proxyCommand,
  'istio-iptables': iptablesCommand,
  'istio-clean-iptables': cleanIptablesCommand,
  request: requestCommand,
  wait: waitCommand,
};

/** Runs one command to its end; gives the exit code: 0 done, 1 failed, 2 a mistake in the command line or settings. */
export async function runAgent(args: readonly string[], host: AgentHost): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    host.out(renderOverview());
    return name === undefined ? 2 : 0;
  }
  const command = commands[name];
  if (!command) {
    host.err(`pilot-agent: unknown command "${name}"; one of ${Object.keys(commands).join(', ')}\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    host.out(`Usage: pilot-agent ${command.usage}\n\n${command.summary}\n\n${command.help}\n`);
    return 0;
  }
  try {
    return await command.run(rest, host);
  } catch (error) {
    const fault = LateenError.from(error);
    if (fault.code !== 'invalid') throw fault;
    host.err(`pilot-agent ${name}: ${fault.message}\nTry: pilot-agent ${name} --help\n`);
    return 2;
  }
}

function renderOverview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: pilot-agent COMMAND [flags]\n\n${lines.join('\n')}\n\nMore: pilot-agent COMMAND --help\n`;
}
