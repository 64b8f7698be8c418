// Those of src/memory/semaphore, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_SEMAPHORES = [
  {
    file: /memory\/semaphore\/queues/,
    mutant: /in `(#collected = |if \(known\.get\(key\)\?)/,
    why: 'only memory: test/gc has what names leave',
  },
  { file: /memory\/semaphore\/index/, mutant: /`false` in `open: /, why: 'only without the addon, AMORSIZE_NATIVE=0' },
  {
    file: /memory\/semaphore\/queue\.ts/,
    mutant: /`(true|.* >= 0)` in `(if \(isChanged|else if \(this\.#waiters\.size|if \(this\.semaphore\.held)/,
    why: 'looks where nothing is to be seen, unless words are scribbled over',
  },
  {
    file: /memory\/semaphore\/queue\.ts/,
    mutant: /`(false|\{\})` in `else if \(this\.#waiters\.size/,
    why: 'only the addon tells that a permit has gone to another thread, and no mutant is in two of them',
  },
  {
    file: /memory\/semaphore\/queue\.ts/,
    mutant: /`true` in `if \(this\.#collect\(\) === 0\)/,
    why: 'others look, too, and find nothing',
  },
]
