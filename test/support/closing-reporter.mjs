/** Ends the output with what did not run, so that a green run cannot hide it, and with the two numbers that count. */
export default class ClosingReporter {
  onRunComplete(_contexts, results) {
    // Jest's own summary comes after all other reporters, so that only the end of the process is later.
    process.once('exit', () => process.stdout.write(closing(results)));
  }
}

function closing({ testResults, numPassedTests, numFailedTests }) {
  const skipped = testResults
    .flatMap((file) => file.testResults)
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName);
  const broken = testResults.filter((file) => file.testExecError).map((file) => file.testFilePath);
  const lines = [...skipped, ...broken.map((path) => `${path} (it could not be loaded)`)].map(
    (line) => `  ${line}`,
  );
  const list = lines.length > 0 ? ['Did not run:', ...lines] : ['Everything that was selected ran.'];
  return ['', ...list, `${numPassedTests} passed, ${numFailedTests + broken.length} failed`, ''].join('\n');
}
