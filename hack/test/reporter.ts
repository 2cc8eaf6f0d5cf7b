import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** Mocha's spec output, plus the counts as JSON in the file that LATEEN_TEST_COUNTS names. */
class CountingSpec extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.LATEEN_TEST_COUNTS;
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      if (file !== undefined)
        writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}

// biome-ignore lint/style/noDefaultExport: mocha loads a reporter by its default export.
export default CountingSpec;
