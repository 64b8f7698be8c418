// Those of src/memory, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_MEMORY = [
  {
    file: /memory\//,
    mutant: /`a (<|>)= b` in `(export )?const (min|max|minOf) =/,
    why: 'the same where both are equal',
  },
  { file: /memory\/breaker\/window/, mutant: /`false` in `if \(wanted === found/, why: 'swaps a word for the same' },
  { file: /memory\/keyed\/slots/, mutant: /`FREE \* 2n`/, why: 'lower than every number, either way' },
  { file: /memory\/window\/core/, mutant: /`false` in `resetNs: endMs === 0n/, why: 'what ended at the epoch is over' },
  { file: /memory\/keyed\/hash/, mutant: /`key <= 0n` in `for/, why: '0 is the same without its sign' },
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
]
