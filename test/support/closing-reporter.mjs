/** Ends the output with what did not run and why, so that a green run cannot hide it, and with the two numbers. */
export default class ClosingReporter {
  onRunComplete(_contexts, results) {
    // Jest's own summary comes after all other reporters, so that only the end of the process is later.
    process.once('exit', () => process.stdout.write(closing(results)));
  }
}

function closing({ testResults, numPassedTests, numFailedTests }) {
  const skipped = testResults
    .flatMap((file) => file.testResults)
    .filter(({ status }) => status !== 'passed' && status !== 'failed');
  const broken = testResults.filter((file) => file.testExecError).map((file) => file.testFilePath);
  const lines = [...byReason(skipped), ...broken.map((path) => `${path}: it could not be loaded`)];
  const list = lines.length > 0 ? ['Did not run:', ...lines.map((line) => `  ${line}`)] : ['Everything ran.'];
  return ['', ...list, `${numPassedTests} passed, ${numFailedTests + broken.length} failed`, ''].join('\n');
}

/** A test that is skipped for a reason has it in its name, in parentheses. Others are named in full. */
function byReason(tests) {
  const groups = new Map();
  for (const { fullName, ancestorTitles } of tests) {
    const reason = /\(([^()]*)\)/.exec(fullName)?.[1];
    const suite = (ancestorTitles[0] ?? '').replace(/ *\([^()]*\)/, '');
    const group = reason ? `${suite} (${reason})` : fullName;
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  return [...groups].map(([group, count]) => (count > 1 ? `${group}, ${count} tests` : group));
}
