import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** Mocha's spec output, plus the counts and what failed as JSON in the file that LATEEN_TEST_COUNTS names. */
class CountingSpec extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const failures: string[] = [];
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test: Mocha.Test, error: Error) => {
      failures.push(`${test.titlePath().join(' › ')}: ${error.message.trim().split('\n', 1)[0]}`);
    });
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.LATEEN_TEST_COUNTS;
      const { passes = 0, failures: failed = 0, pending = 0 } = runner.stats ?? {};
      if (file !== undefined)
        writeFileSync(file, JSON.stringify({ passed: passes, failed, skipped: pending, failures }));
    });
  }
}

// biome-ignore lint/style/noDefaultExport: mocha loads a reporter by its default export.
export default CountingSpec;
