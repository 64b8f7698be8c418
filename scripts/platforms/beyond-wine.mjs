// Tests that cannot pass under Wine, and what it is that Wine, Windows or this way of running them lacks.

const devices = 'no device that is always full, and root may write anywhere'
const clock = 'its timers fire up to 16 ms late or some milliseconds early'

/** @type {{ file: string, test?: RegExp, why: string }[]} */
const known = [
  { file: 'test/unit/checkpoint.test.ts', test: /when the disk is full/, why: devices },
  { file: 'test/unit/checkpoint.test.ts', test: /cut off at any byte/, why: 'it takes longer there than a test may' },
  { file: 'test/unit/dead-letters.test.ts', test: /cannot be written/, why: devices },
  { file: 'test/unit/execute-records.test.ts', test: /cannot be written/, why: devices },
  { file: 'test/unit/recorders.test.ts', test: /give up what they have opened/, why: devices },
  { file: 'test/unit/execute.test.ts', test: /limits the time of an item/, why: clock },
  { file: 'test/unit/measure.test.ts', test: /calls do not all end/, why: clock },
  { file: 'test/unit/readme-client.test.ts', test: /gets its answer/, why: clock },
  {
    file: 'test/unit/system-command.test.ts',
    test: /until it is interrupted/,
    why: 'Windows ends a process by SIGINT at once',
  },
]

/** @returns {string | undefined} why the test, or with no title the file, cannot pass; undefined if it should */
export const beyondWine = (file, title) =>
  known.find((one) => one.file === file && (one.test === undefined || (title !== undefined && one.test.test(title))))
    ?.why
