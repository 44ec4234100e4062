import { stripVTControlCharacters } from 'node:util';

/** Failures that are shown again at the end; the others are above. */
const FAILURES = 40;

/**
 * Ends the output with what did not run and why, so that a green run cannot hide it, with what failed, so that the end
 * of a long log tells it, and with the two numbers.
 */
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
  const broken = testResults.filter((file) => file.testExecError);
  const unrun = [...byReason(skipped), ...broken.map((file) => `${file.testFilePath}: it failed as a whole`)];
  const failed = [
    ...broken.map((file) =>
      failure(file.testFilePath, file.testExecError.stack ?? file.testExecError.message),
    ),
    ...testResults.flatMap((file) =>
      file.testResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => failure(fullName, failureMessages[0])),
    ),
  ];
  return [
    '',
    ...(unrun.length > 0 ? ['Did not run:', ...unrun.map((line) => `  ${line}`)] : ['Everything ran.']),
    ...(failed.length > 0 ? ['Failed:', ...failed.slice(0, FAILURES)] : []),
    ...(failed.length > FAILURES ? [`  and ${failed.length - FAILURES} more`] : []),
    `${numPassedTests} passed, ${numFailedTests + broken.length} failed`,
    '',
  ].join('\n');
}

/** The name, and the first lines of what went wrong. */
function failure(name, message = '') {
  const text = stripVTControlCharacters(message)
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '');
  return [`  ${name}`, ...text.slice(0, 5).map((line) => `    ${line.trim().slice(0, 300)}`)].join('\n');
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
