// Those of src/execute/schedule, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_SCHEDULES = [
  {
    file: /execute\/schedule\//,
    mutant: /^EqualityOperator: `(?=.*[<>]=? )(?=.*(Ms|MS|gain|spread|share))/,
    why: 'nothing that was measured is that exactly',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \(record === undefined \|\| measured/,
    why: 'what has no record has nothing measured, and no known number of items takes no time',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \(loopMs < LEAST_WORTH_MS\)/,
    why: 'spares thinking of what is never worth workers',
  },
  {
    file: /schedule\/scheduler/,
    mutant: /`false` in `if \(restMs <= leastMs \|\|/,
    why: 'spares asking how crowded the machine is',
  },
]
