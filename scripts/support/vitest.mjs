// Runs vitest and counts by its JSON report, so that the numbers are its own and not read off a screen.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { root } from './project.mjs'
import { run } from './run.mjs'

/**
 * @param {string[]} args - for `vitest run`
 * @param {{ quiet?: boolean }} [options] - quiet: show what it prints when it has ended, for what runs beside something else
 * @returns {Promise<{ passed?: number, failed: number, skipped?: number, failures: string[] }>} failures: what failed, with its message
 */
export async function vitest(args, { quiet = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-vitest-'))
  const report = join(folder, 'report.json')
  try {
    const cli = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    // What a test prints on its way, warnings that it provokes among it, is of interest where it fails.
    const all = [cli, 'run', ...args, ...reporters, '--silent=passed-only']
    const { code, output } = await run(process.execPath, all, { quiet })
    if (quiet) process.stdout.write(output)
    if (!existsSync(report)) return { failed: 1, failures: [`vitest wrote no report (exit code ${code})`] }
    const found = JSON.parse(readFileSync(report, 'utf8'))
    printSkipped(found)
    return countsOf(found, code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Names what was skipped; its title says why. */
function printSkipped({ testResults }) {
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName } of assertionResults) {
      if (status !== 'passed' && status !== 'failed') console.log(`skipped: ${relative(root, name)}: ${fullName}`)
    }
  }
}

function countsOf(report, code) {
  const failures = report.testResults.flatMap(failuresOf)
  // An error outside of every test makes vitest fail although each test passed.
  if (code !== 0 && failures.length === 0) failures.push(`an error outside of every test (exit code ${code})`)
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  }
}

/** Names what failed in a file. A file that cannot even be loaded holds no test; it is a failure all the same. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(root, name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (failed.length === 0) return status === 'failed' ? [`${file}\n${shortened(message)}`] : []
  return failed.map(({ fullName, failureMessages }) => `${file}: ${fullName}\n${shortened(failureMessages.join('\n'))}`)
}

/** The head of a message: what was expected, what came, and where. */
const shortened = (message) =>
  message
    .split('\n')
    .slice(0, 12)
    .map((line) => `  ${line}`)
    .join('\n')
