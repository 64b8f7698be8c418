// Adds up what the suites report, in whichever way each reports it.

/** What every suite that is not vitest prints as its last line. */
const countsLine = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm

/** How such a suite names a test that failed. */
const failLine = /^FAIL (.+)$/gm

export class Tally {
  passed = 0
  failed = 0
  skipped = 0
  #lines = []
  #failures = []

  /** Adds the counts of a suite, and the names of what failed in it. */
  add(name, { passed = 0, failed = 0, skipped = 0, failures = [] }) {
    this.passed += passed
    this.failed += failed
    this.skipped += skipped
    this.#lines.push(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
    this.#failures.push(...failures.map((failure) => `FAIL ${name}: ${failure}`))
  }

  /** Counts a command as one test, by its exit code. */
  command(name, { code }) {
    this.add(name, code === 0 ? { passed: 1 } : { failed: 1, failures: [`exit code ${code}`] })
  }

  /** Adds the last line of counts that a suite printed. A suite that failed without saying so, or said nothing, is one failure. */
  printedCounts(name, { code, stdout }) {
    const found = [...stdout.matchAll(countsLine)].at(-1)
    const [passed, failed, skipped] = found === undefined ? [0, 0, 0] : [found[1], found[2], found[3] ?? 0].map(Number)
    const silent = found === undefined || passed + failed + skipped === 0 || (code !== 0 && failed === 0)
    const failures = [...stdout.matchAll(failLine)].map(([, failure]) => failure)
    this.add(name, { passed, failed: silent ? failed + 1 : failed, skipped, failures })
  }

  /**
   * Prints the parts, what failed in them and, as the last line, their sum; the exit code tells whether anything failed.
   * Where only the end of a log is kept, it must tell what failed.
   */
  print() {
    console.log(`\n${this.#lines.join('\n')}\n`)
    if (this.#failures.length > 0) console.log(`${this.#failures.join('\n')}\n`)
    console.log(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`)
    process.exitCode = this.failed > 0 || this.passed === 0 ? 1 : 0
  }
}
