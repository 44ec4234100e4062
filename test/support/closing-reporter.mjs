/** Ends the output with what did not run, so that a green run cannot hide it, and with the two numbers that count. */
export default class ClosingReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap(({ testResults }) =>
      testResults.filter(({ status }) => status !== 'passed' && status !== 'failed'),
    );
    const broken = results.testResults.filter(({ testExecError }) => testExecError);
    const lines = [''];
    if (skipped.length === 0 && broken.length === 0) lines.push('Everything that was selected ran.');
    else lines.push('Did not run:');
    for (const { fullName } of skipped) lines.push(`  ${fullName}`);
    for (const { testFilePath } of broken) lines.push(`  ${testFilePath}, which could not be loaded`);
    lines.push(`${results.numPassedTests} passed, ${results.numFailedTests + broken.length} failed`, '');
    process.stdout.write(lines.join('\n'));
  }
}
