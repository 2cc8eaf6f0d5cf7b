import { spawn } from 'node:child_process';
import { LateenError } from '#runtime/core/index.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Called with every line of either stream while the command runs. */
  readonly onLine?: (line: string) => void;
}

const keptErrorLines = 12;

/**
 * Runs a program to its end and gives its standard output.
 * Throws LateenError('internal') with the last lines of standard error when it cannot start or its exit code is not 0.
 */
export function runCommand(file: string, parameters: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, parameters, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.signal ? { signal: options.signal } : {}),
    });
    let output = '';
    const errorLines: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    splitLines(child.stdout, (line) => options.onLine?.(line));
    splitLines(child.stderr, (line) => {
      errorLines.push(line);
      if (errorLines.length > keptErrorLines) errorLines.shift();
      options.onLine?.(line);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'is not installed' : error.message;
      reject(
        new LateenError(error.name === 'AbortError' ? 'aborted' : 'internal', `${file}: ${reason}`, { cause: error }),
      );
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else {
        const ending = signal === null ? `exit code ${code}` : `ended by ${signal}`;
        reject(
          new LateenError('internal', `${file} ${parameters.join(' ')}: ${ending}\n${errorLines.join('\n')}`.trimEnd()),
        );
      }
    });
    if (options.input === undefined) {
      // Closed without a write: a program that ends at once would make it fail.
      child.stdin.destroy();
      return;
    }
    // A program that does not read its input closes the pipe; its exit code tells the rest.
    child.stdin.on('error', (error) => errorLines.push(`standard input: ${error.message}`));
    child.stdin.end(options.input);
  });
}

/** As runCommand, but a failure is the answer `false` instead of an exception. */
export async function commandSucceeds(
  file: string,
  parameters: readonly string[],
  options: CommandOptions = {},
): Promise<boolean> {
  try {
    await runCommand(file, parameters, options);
    return true;
  } catch (error) {
    if (error instanceof LateenError && error.code === 'internal') return false;
    throw error;
  }
}

function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
