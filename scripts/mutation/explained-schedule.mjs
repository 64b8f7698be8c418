// Those of src/execute/schedule, lanes and worker, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_SCHEDULES = [
  {
    file: /execute\/(schedule|lanes)\//,
    mutant: /^EqualityOperator: `(?=.*[<>]=? )(?=.*(Ms|MS|[gG]ain|spread|share|ratio|failing|\brate\b))/,
    why: 'nothing that was measured is that exactly',
  },
  {
    file: /lanes\/(slice-queue|turn-stage)/,
    mutant: /OptionalChaining: `this\.#waiting|`done <= this\.#waiting\.length`/,
    why: 'there is one at each place, which the compiler does not know; beyond the last nothing runs',
  },
  { file: /lanes\/concurrency-limit/, mutant: /`true` in `constructor/, why: 'set before anybody reads it' },
  {
    file: /schedule\/scheduler/,
    mutant: /`options\.policies\.length !== 0` in `return options\.policies/,
    why: 'the two change places, and either is as good',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \(record === undefined \|\| measured/,
    why: 'what has no record has nothing measured, and no known number of items takes no time',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \((loopMs|restMs) < LEAST_WORTH_MS/,
    why: 'spares thinking of what is never worth workers',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \(measured === undefined \|\| workers/,
    why: 'a run that has ended was measured, which the compiler does not know',
  },
  {
    file: /schedule\/tasks/,
    mutant: /`(true|this\.#toSkip >= 0)` in `if \(this\.#toSkip > 0 &&/,
    why: 'fewer than none are none',
  },
  { file: /schedule\/tasks/, mutant: /BlockStatement: `\{\}` in `catch/, why: 'a name of its own, as good as another' },
  { file: /schedule\/tasks/, mutant: /`size <= 1`/, why: 'the logarithm of 1 is 0' },
  {
    file: /schedule\/planner/,
    mutant: /`true` in `const chosen = stays && loop/,
    why: 'the loop is always considered, which the compiler does not know',
  },
  { file: /schedule\/value-size/, mutant: /`default:` in `default:/, why: 'nothing follows' },
  {
    file: /schedule\/sample/,
    mutant: /`(true|outcome !== undefined \|\| .*)` in `return outcome !== undefined && /,
    why: 'each has been run, which the compiler does not know',
  },
  {
    file: /worker\/item-starter/,
    mutant: /`(false|\{\})` in `if \(!isThenable\(result\)\)/,
    why: 'spares a turn for an answer that is there',
  },
  {
    file: /worker\/item-starter/,
    mutant: /`true` in `if \(isTimed\)`/,
    why: 'spares a store for each item: the next one, or the end of the chunk, writes there',
  },
  {
    file: /worker\/item-starter/,
    mutant: /`true` in `if \(this\.#isAlone\)`/,
    why: 'what has come of the item is told next, which writes there',
  },
]
