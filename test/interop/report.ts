/** What held and what did not, told as it is found. */
export interface Report {
  title(text: string): void;
  /** Runs it; what it throws is why it does not hold. */
  check(name: string, run: () => Promise<void>): Promise<void>;
  readonly failed: number;
}

export function createReport(print: (line: string) => void): Report {
  let failed = 0;
  return {
    title: (text) => print(text),
    async check(name, run) {
      try {
        await run();
        print(`  ok      ${name}`);
      } catch (error) {
        failed += 1;
        print(
          `  FAILED  ${name}\n${String(error instanceof Error ? error.message : error).replaceAll(/^/gm, '          ')}`,
        );
      }
    },
    get failed() {
      return failed;
    },
  };
}
