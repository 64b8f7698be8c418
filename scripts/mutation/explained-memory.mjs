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
  {
    file: /memory\/breaker\/control/,
    mutant: /`false` in `if \(generationOf\(seen\) === this/,
    why: 'reads once more what is known',
  },
  {
    file: /memory\/breaker\/slots/,
    mutant: /`false` in `if \(slot === 0\)/,
    why: 'what lies before the slots makes no parameters, and those it was made with go then',
  },
  {
    file: /memory\/breaker\/slots/,
    mutant: /`true` in `(while \(slot <= BREAKER|if \(slot !== 0)/,
    why: 'slot 0 and those beyond the last have no bit',
  },
  { file: /memory\/breaker\/window/, mutant: /`false` in `if \(wanted === found/, why: 'swaps a word for the same' },
  {
    file: /memory\/breaker\/window/,
    mutant:
      /`nowNs >= this\.#epochNs`|`written > 0n`|`(written|stored) <= 0n`|`first <= sums\.calls`|slow\) <= 0n`|COUNTER\.fa\.\.\.`/,
    why: 'the same at the bound, or no word is 0 there',
  },
  {
    file: /memory\/breaker\/window/,
    mutant: /`true` in `written >= 0n &&|`false` in `if \((written|stored) < 0n\)/,
    why: 'the swap that follows fails, since the state is over',
  },
  {
    file: /memory\/breaker\/window/,
    mutant: /`false` in `if \(cursor >> |`true` in `for \(let slice = newest/,
    why: 'no word that is read then has the tag of what is asked for',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`produced >= EXACT_UNITS`/,
    why: 'the same at the bound: production is exact there still',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`(false|(next|spent) >= MAX_SPENT)` in `(if \((next|spent) > MAX_SPENT\)|waitNs = next > MAX_SPENT)/,
    why: 'only where another has been changing parameters for as long as it takes to produce 2^52 units',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`false` in `if \(waitNs > maxWaitNs/,
    why: 'no wait that is allowed is as long as NEVER',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`this\.rebase\(nowNs\) !== OUTCOME\.granted`/,
    why: 'what follows finds that the parameters have changed',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`(true|false|slot\.generation === generation)` in `return \{ outcome: slot\.generation/,
    why: 'a queue surveys again, whichever it is told',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`(start >= MAX_SPENT - units|MAX_SPENT \+ units)`/,
    why: 'beyond every limit that a queue asks for',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`next > position` in `if \((max\(slot\.spent|spentBy\()/,
    why: 'gives back nothing either way',
  },
  {
    file: /memory\/bucket\/core/,
    mutant: /`\+1n` in `return costOf/,
    why: 'nothing that costs more than the burst was reserved under the same parameters',
  },
  {
    file: /memory\/bucket\/changes/,
    mutant: /`false` in `unchanged: next === spent/,
    why: 'puts in force what is in force',
  },
  {
    file: /memory\/bucket\/changes/,
    mutant: /`nowNs - this\.readSlot\(\)\.epochNs <= SECOND_NS`/,
    why: 'nothing has produced so much after a second',
  },
  {
    file: /memory\/bucket\/changes/,
    mutant: /`false` in `if \((next|found) === seen/,
    why: 'swaps a word for the same, or looks once more',
  },
  {
    file: /memory\/(keyed\/slots|bucket\/waiter-rows)/,
    mutant: /- (KEYED\.(identity|claim)|WAITERS\.owner)`/,
    why: 'it is the first word, so 0 is added',
  },
  {
    file: /memory\/bucket\/waiter-rows/,
    mutant: /`true` in `if \(this\.#row !== NO_ROW\)/,
    why: 'writes 0 into a word of the header that is 0',
  },
  {
    file: /memory\/bucket\/waiter-rows/,
    mutant: /`(true|wants >= 0n)` in `if \(lateNs <= FORGOTTEN_NS/,
    why: 'only words that are scribbled over are less than 0',
  },
  {
    file: /memory\/bucket\/waiter-rows/,
    mutant: /`(seen <= used|true|false|found !== seen)` in `(while \(seen < used|if \(found === seen)/,
    why: 'swaps a word for the same, or only where another row was taken just now',
  },
  {
    file: /memory\/keyed\/slots/,
    mutant: /`level <= KEYED\.fresh`/,
    why: 'no slot that was freed has generation 0 before it has had 65,536 keys',
  },
  {
    file: /memory\/keyed\/slots/,
    mutant: /`n <= this\.#cut\.slots`|`false` in `if \(identity === 0n\)/,
    why: 'spares looking on where there is nothing of the key',
  },
  {
    file: /memory\/keyed\/slots/,
    mutant: /`true` in `return this\.takeStock/,
    why: 'whoever is about to give the key a slot comes afterwards as well',
  },
  { file: /memory\/keyed\/slots/, mutant: /`FREE \* 2n`/, why: 'lower than every number, either way' },
  {
    file: /memory\/keyed\/slots/,
    mutant: /`(false|index > this\.#cut\.slots)` in `if \(index >= |`turn(--| <= MOST_TURNS)`/,
    why: 'only words that are scribbled over name such a slot, or take so many turns',
  },
  {
    file: /memory\/keyed\/slots/,
    mutant:
      /`true` in `if \(Atomics\.compareExchange\(this\.#words|`true` in `if \(Atomics\.compareExchange\(words, slot \+ KEYED\.level/,
    why: "nobody asks for what became of another's claim",
  },
  {
    file: /memory\/window\/core/,
    mutant: /`attempt(--|\+\+| <= ATTEMPTS)` in `for|`.*\|\| now\.state === 'live'`/,
    why: 'only words that are scribbled over make so many attempts, or hits that come during the whole of it',
  },
  {
    file: /memory\/window\/core/,
    mutant: /`(true|doublings <= 62n)` in `const lasting|`nowMs > MOST_MS - ms`|`before\.endMs >= endMs`/,
    why: 'the same at the bound, or beyond the longest window either way',
  },
  {
    file: /memory\/window\/core/,
    mutant: /`true` in `if \(this\.#slots\.hasNoSlot\(at\)\)/,
    why: 'whoever is about to give the key a slot comes afterwards as well',
  },
  { file: /memory\/window\/core/, mutant: /`false` in `resetNs: endMs === 0n/, why: 'what ended at the epoch is over' },
  {
    file: /memory\/(window|keyed)\/terms/,
    mutant: /`(nowNs >= this\.#?epochNs|endNs >= nowNs|waitNs >= 0n|burst >= 1n|cost <= this\.burst|units >= 0n)`/,
    why: 'the same at the bound',
  },
  { file: /memory\/keyed\/hash/, mutant: /`key <= 0n` in `for/, why: '0 is the same without its sign' },
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
    file: /memory\/shared\/doorbell/,
    mutant: /`nativeAddon\(\)\.doorbellHold`/,
    why: 'who has a number has the addon, which the compiler does not know',
  },
  {
    file: /memory\/machine\/living/,
    mutant:
      /no test runs it: .*(error\.code|`\{\}` in `(function exists|try|catch)|ESRCH)|in `#own = process\.platform|`true` in `if \(this\.#own !== null|`(true|false)` in `isAlive = this\.#own === null/,
    why: 'only where there is no /proc',
  },
  {
    file: /memory\/machine\/living/,
    mutant: /in `user = process\.geteuid/,
    why: 'only for another user than root, and only on Windows',
  },
  { file: /memory\/machine\/living/, mutant: /`false` in `if \(owner === 0n/, why: 'a row of nobody has no permits' },
  {
    file: /memory\/machine\/living/,
    mutant: /`(false|2 \/ at)` in `if \(halves\[/,
    why: 'spares a BigInt for each row that is empty',
  },
  {
    file: /memory\/machine\/living/,
    mutant: /`true` in `if \(isAlive === undefined/,
    why: 'asks once more what is known',
  },
  {
    file: /memory\/machine\/regions/,
    mutant:
      /`(false|length < FIRST_BYTES)` in `return length <= FIRST_BYTES|`false` in `if \(known !== undefined|`length \* 8`/,
    why: 'spares memory for each region',
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
