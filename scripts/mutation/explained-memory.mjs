// Those of src/memory, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_MEMORY = [
  {
    file: /memory\//,
    mutant: /`a (<|>)= b` in `(export )?const (min|max|minOf) =/,
    why: 'the same where both are equal',
  },
  {
    file: /memory\/breaker\/core/,
    mutant: /`(true|ms <= maxMs)` in `for \(let i = 0n; i < reopenings && ms < maxMs/,
    why: 'spares turns: more than the most is the most',
  },
  {
    file: /memory\/breaker\/core/,
    mutant: /`true` in `(if \(|const isInUse = )\(found & .* && found !== 0n/,
    why: 'a word of no state looks like one of every 2^15th or 2^23rd',
  },
  {
    file: /memory\/breaker\/core/,
    mutant: /`63 \+ BREAKER\.untilTagBits`|`LEASE_MASK \+ 2n`/,
    why: 'beyond every time-out',
  },
  {
    file: /memory\/breaker\/core/,
    mutant: /`false` in `if \(waitNs < 0n\)|`(waitNs >= 0n)` in `return waitNs > 0n/,
    why: 'what follows comes to the same',
  },
  {
    file: /memory\/breaker\/core/,
    mutant: /`true` in `(return then !== 0n &&|if \(!admission\.admitted\))/,
    why: 'where nothing was told there is nothing new to judge',
  },
  {
    file: /memory\/breaker\/(core|twin)/,
    mutant: /in `(successIsFree\(generation\)|if \(this\.#core\.successIsFree)/,
    why: 'a short way to what would be found the long way',
  },
  { file: /memory\/breaker\/window/, mutant: /`false` in `if \(wanted === found/, why: 'swaps a word for the same' },
  {
    file: /memory\/breaker\/window/,
    mutant: /`nowNs >= this\.#epochNs`|`written > 0n`|`(written|stored) <= 0n`|`first <= sums\.calls`|slow\) <= 0n`/,
    why: 'the same at the bound, or no word is 0 there',
  },
  {
    file: /memory\/breaker\/window/,
    mutant: /`true` in `written >= 0n &&|`false` in `if \((written|stored) < 0n\)/,
    why: 'the swap that follows fails, since the state is over',
  },
  {
    file: /memory\/breaker\/window/,
    mutant: /in `const isDecisive =|`true` in `return \(failed &&/,
    why: 'spares counting where nothing can have changed for the worse',
  },
  {
    file: /memory\/breaker\/window/,
    mutant: /`(true|.*minuteBits.*)` in `return minutes > BigInt\(IDLE_MINUTES\)/,
    why: 'tells apart half of 2^20 minutes, nearly a year',
  },
  {
    file: /memory\/keyed\/core/,
    mutant: /`attempt(--| <= ATTEMPTS)` in `for \(let attempt/,
    why: 'only words that are scribbled over make so many attempts',
  },
  {
    file: /memory\/keyed\/core/,
    mutant: /`true` in `if \(this\.#slots\.hasNoSlot\(at\)\)/,
    why: 'whoever is about to give the key a slot comes afterwards as well',
  },
  {
    file: /memory\/keyed\/core/,
    mutant: /`this\.#slots\.numberOf\(seen\.level\) > target`/,
    why: 'puts a number in its own place',
  },
  {
    file: /memory\/semaphore\/core/,
    mutant: /in `return owner >= 1 && owner <= this\.#rows|`false` in `if \((!this\.#isRow|index === NO_PLACE)/,
    why: 'there is a row or place like that, unless words are scribbled over',
  },
  {
    file: /memory\/semaphore\/core/,
    mutant: /in `(#firstOwner\(\)|return index === NO_PLACE \? 0 : ownerOf)/,
    why: 'whom to wake: nothing rings for the twin',
  },
  {
    file: /memory\/semaphore\/core/,
    mutant:
      /`true` in `if \((stampOf\(Atomics\.load|this\.#maxConcurrent === 0)|`(false|.*&& !this.*)` in `if \(writer === owner \|\|/,
    why: 'completes what is complete, or reads once more what never changes',
  },
  {
    file: /memory\/semaphore\/core/,
    mutant:
      /`index <= lengthOf\(line\)`|`lengthOf\(line\) \+ 1`|WAITING_MASK`|`(true)` in `for \(let index = 0; index < lengthOf\(line\) && sum/,
    why: 'places beyond the line are empty, and none has as many callers; or spares counting on',
  },
  {
    file: /native\/core\/backoff/,
    mutant: /./,
    why: 'how long a thread waits before it tries again, which only a benchmark shows',
  },
  {
    file: /native\/core\/rate/,
    mutant: /`0` → `1` in `uint64_t (whole|part|quotient|remainder) = 0|`<` → `<=` in `return to_digits < from_digits/,
    why: 'written before it is read, or the same where both are equal',
  },
]
