// Tests that cannot pass under Wine, and what it is that Wine, Windows or this way of running them lacks.

const devices = 'no device that is always full, and root may write anywhere'
const clock = 'its timers fire up to 16 ms late or some milliseconds early'
const links = 'it makes no symbolic links'
const signals = 'Windows ends a process at once that another one signals'
const oneProcess = 'all files run in one process there'
const cutOff = 'it maps a library beyond the end of its file, which Windows refuses to load'

/** @type {{ file: string, test?: RegExp, why: string }[]} */
const known = [
  { file: 'test/unit/records/checkpoint.test.ts', test: /when the disk is full/, why: devices },
  {
    file: 'test/unit/records/checkpoint.test.ts',
    test: /cut off at any byte/,
    why: 'it takes longer there than a test may',
  },
  { file: 'test/unit/records/dead-letters.test.ts', test: /cannot be written/, why: devices },
  { file: 'test/unit/records/records.test.ts', test: /cannot be written/, why: devices },
  { file: 'test/unit/records/recorders.test.ts', test: /give up what they have opened/, why: devices },
  { file: 'test/unit/execute/execute.test.ts', test: /limits the time of an item/, why: clock },
  { file: 'test/unit/project/measure.test.ts', test: /calls do not all end/, why: clock },
  { file: 'test/unit/project/cookbook-client.test.ts', test: /gets its answer/, why: clock },
  { file: 'test/unit/cli/system-command.test.ts', test: /watches until SIG/, why: signals },
  { file: 'test/unit/internal/native-loader.test.ts', test: /is cut off in its last page/, why: cutOff },
  { file: 'test/unit/rate-limit/rate-limiter-defects-of-others.test.ts', test: /quadratic time/, why: clock },
  { file: 'test/unit/execute/calibration.test.ts', test: /reaches the next plan/, why: oneProcess },
  // Of two tests that wait for a warning of the same code, which is given once, only the first can hear it.
  { file: 'test/unit/http/limit.test.ts', test: /never answers 500 for a key that fails/, why: oneProcess },
  { file: 'test/unit/http/shed.test.ts', test: /for a priority that is none/, why: oneProcess },
  {
    file: 'test/unit/http/shed.test.ts',
    test: /little memory left/,
    why: 'Windows has no control group that knows it',
  },
  { file: 'test/integration/cli/cli.test.ts', test: /ends quietly/, why: 'no bash' },
  {
    file: 'test/integration/execute/faults.test.ts',
    test: /keeps its class and code/,
    why: 'a path has a drive there',
  },
  { file: 'test/integration/cli/execute-command.test.ts', test: /"--dead-letter","\."/, why: devices },
  { file: 'test/integration/cli/execute-command.test.ts', test: /SIGINT|SIGTERM/, why: signals },
  { file: 'test/integration/cli/watch-command.test.ts', test: /Ctrl-C/, why: signals },
  {
    file: 'test/integration/limits/limiter-pace.test.ts',
    test: /callers that wait|ratio of the rates|threads that block/,
    why: clock,
  },
  { file: 'test/integration/limits/second-evaluation.test.ts', test: /the same addon|no thread has both/, why: links },
  {
    file: 'test/integration/execute/process.test.ts',
    test: /is its own worker module: the run/,
    why: 'it takes longer there than a test may',
  },
  {
    file: 'test/integration/execute/worker-waking.test.ts',
    test: /cannot read what comes/,
    why: 'the stack of a thread is 1 MB on Windows, and the test asks for 7',
  },
]

/** @returns {string | undefined} why the test, or with no title the file, cannot pass; undefined if it should */
export const beyondWine = (file, title) =>
  known.find((one) => one.file === file && (one.test === undefined || (title !== undefined && one.test.test(title))))
    ?.why
