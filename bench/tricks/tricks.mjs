// What `execute` does beyond the plain way of doing it, each as a change of its compiled code that leaves it out, and what it is for.
//
// Taken out, since they moved no case by 5 % and 0.1 ms in most pairs: to look on while the last items of others end, to make small
// integers of what comes through shared memory, to send a worker its last item while this thread is at its own, to keep a
// worker looking for its next message for half a millisecond, and to send more chunks ahead to one that was kept waiting.

/** A cell of the grid, called again and again. */
const later = (cell) => ({
  name: `${cell}, later calls`,
  file: 'warm-case.mjs',
  args: ['amorsize', 200, cell],
  ms: ([one]) => one.ms,
})
/** The same, called for the first time in a process. */
const first = (cell) => ({
  name: `${cell}, first call`,
  file: 'cold-case.mjs',
  args: ['amorsize', 'loop', cell],
  ms: (one) => one.ms,
})
/** A real task: the first call of a process, and later ones. */
const real = (task, share = 0.5) => [
  {
    name: `${task}, first call`,
    file: 'real-case.mjs',
    args: ['own', task, 'execute', 'null', share],
    ms: (one) => one.firstMs,
  },
  {
    name: `${task}, later calls`,
    file: 'real-case.mjs',
    args: ['own', task, 'execute', 'null', share],
    ms: (one) => one.laterMs,
  },
]
/** A number of calls in a new process. */
const series = (cell, calls) => ({
  name: `${cell}, ${calls} calls`,
  file: 'series-case.mjs',
  args: ['"execute"', calls, cell],
  ms: ({ sums }) => sums.at(-1),
})
/** Items that wait, after a first call. */
const waiting = (shape) => ({
  name: `${shape}, later calls`,
  file: 'waiting-case.mjs',
  args: [shape, 'amorsize', 0, 2],
  ms: (one) => one.laterMs,
})

/**
 * @typedef {object} Case - a program of bench/schedule
 * @property {string} name
 * @property {string} file
 * @property {(string | number)[]} args
 * @property {(result: any) => number} ms - what it took, from what the program reports
 */

/**
 * @typedef {object} Trick
 * @property {string} what
 * @property {string} [kept] - what it is kept for besides, should no case move
 * @property {string} file - of dist/execute
 * @property {string} code - as it stands there, once
 * @property {string} without - what stands there instead
 * @property {Case[]} cases - what it is for
 */

/** @type {Trick[]} */
export const tricks = [
  {
    what: 'what a worker has not begun is taken back at the end',
    kept: 'no lane holds what others could do, whatever the items',
    file: 'lanes/workforce.js',
    code: 'return this.#lanes.takeBack();',
    without: 'return false;',
    cases: [later('skew:100us:1k'), ...real('gzip'), ...real('weigh')],
  },
  {
    what: 'uneven items are left to workers alone',
    kept: 'the event loop does not wait for the long ones',
    file: 'schedule/scheduler.js',
    code: 'return isFree &&',
    without: 'return false &&',
    cases: [...real('gzip'), ...real('weigh')],
  },
  {
    what: 'a run that workers slow down goes back to the loop',
    kept: 'a loss is bounded',
    file: 'schedule/course.js',
    code: 'return look !== undefined &&',
    without: 'return false &&',
    cases: [...real('transpile'), ...real('marked')],
  },
  {
    what: 'a task that lost with workers stays in the loop for a while',
    kept: 'a loss is bounded',
    file: 'schedule/tasks.js',
    code: 'return this.#toSkip > 0 &&',
    without: 'return false &&',
    cases: [...real('transpile'), ...real('marked')],
  },
  {
    what: 'when a first worker is ready it is asked again whether the rest is worth it',
    kept: 'a loss is bounded',
    file: 'schedule/scheduler.js',
    code: 'return again !== undefined',
    without: 'return true',
    cases: [...real('transpile'), ...real('marked'), first('number:10us:10k')],
  },
  {
    what: 'workers are started for short runs that come again and again',
    file: 'schedule/scheduler.js',
    code: 'record.missedMs < spawnMs ||',
    without: 'true ||',
    cases: [series('number:10us:1k', 100), series('number:100us:100', 100), series('1kb:10us:1k', 100)],
  },
  {
    what: 'later runs begin with the concurrency that earlier ones found',
    file: 'schedule/scheduler.js',
    code: '...tasks.waitingOf(subject.key)',
    without: '...{}',
    cases: [waiting('even'), waiting('http-32')],
  },
]
