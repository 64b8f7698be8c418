// Those of src/memory/semaphore, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_SEMAPHORES = [
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant: /in `return owner >= 1 && owner <= this\.rows|`false` in `if \((!this\.isRow|index === NO_PLACE)/,
    why: 'there is a row or place like that, unless words are scribbled over',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant: /in `(firstOwner\(\)|return index === NO_PLACE \? 0 : ownerOf)/,
    why: 'whom to wake: nothing rings for the twin',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant: /`true` in `if \(stampOf\(Atomics\.load|`(false|.*&& !this.*)` in `if \(writer === owner \|\|/,
    why: 'completes what is complete, or reads once more what never changes',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant:
      /`index <= lengthOf\(line\)`|`lengthOf\(line\) \+ 1`|WAITING_MASK`|`true` in `(for \(let index = 0; index < lengthOf\(line\) && sum|return stampOf\(each\) === applied|const hasRoom)/,
    why: 'places beyond the line are empty, and none has as many callers; or spares counting on',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant:
      /in `const joined = |`false` in `return stampOf\(each\) === applied|`(true|length >= 0)` in `if \(length > 0 && joins|`used >= 0`/,
    why: 'a place that is empty counts 0, whose ever it was, and an empty line begins at the first',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant: /in `if \(found === before\)|`true` in `return false/,
    why: 'whoever has changed the word has done what was to be done, or what follows finds that it is over',
  },
  {
    file: /memory\/semaphore\/(core|state)/,
    mutant: /`SEMAPHORE\.termsMostShift \+ 32`|`true` in `anybodyWaits = false/,
    why: 'a shift by 64 more is the same, and nobody asks before a permit has been given back',
  },
  {
    file: /memory\/semaphore\/core/,
    mutant: /`true` in `if \(this\.hot\(\) === now\)/,
    why: 'what was read is right, unless a permit comes back and then the limit sinks between two loads',
  },
  {
    file: /memory\/semaphore\/state/,
    mutant: /`(true|index >= 0)` in `while \(index > 0 && countOf/,
    why: 'a line that is full has a hole, so that its beginning is not reached',
  },
  {
    file: /memory\/semaphore\/twin/,
    mutant: /in `(#bury|add)\(|in `if \(this\.#rows\.size === 0\)|in `#buryAll =|`BigInt\(id\) - 1n`/,
    why: 'what threads and bulkheads leave that have ended, in workers, where no mutant is: policy-bulkhead-threads and test/gc without the addon',
  },
  {
    file: /memory\/semaphore\/twin/,
    mutant: /`true` in `if \(isChanged\)/,
    why: 'nothing is let in where nothing has changed',
  },
  {
    file: /memory\/semaphore\/adaptive-limit/,
    mutant: /`(64|ADAPTIVE\.limitShift) \+ (ADAPTIVE\.limitShift|32)`|this\.#line - ADAPTIVE\.sum`|- LOWER`/,
    why: 'what is beyond the word counts for nothing, and what is subtracted is 0',
  },
  {
    file: /memory\/semaphore\/adaptive-limit/,
    mutant: /`(true|window\.calls >= 0)` in `const meanUs|`false` in `if \(isIdle \|\| window\.calls === 0\)/,
    why: 'of a window without calls nobody asks what they took',
  },
  {
    file: /memory\/semaphore\/adaptive-limit/,
    mutant: /`meanUs (<|>)= baseUs`|`inUse >= mostOf\(peak\)`/,
    why: 'the same where both are equal',
  },
  {
    file: /memory\/semaphore\/adaptive-limit/,
    mutant:
      /`false` in `if \(this\.#lower\(at\) \+ whole|`(true|inUse >= .*)` in `if \(inUse > this|in `return end === 0 \|\||in `const end = |`false` in `if \((now < over|found === peak)/,
    why: 'a short way to what would be found the long way',
  },
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
