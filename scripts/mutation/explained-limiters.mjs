// Those of src/rate-limit, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_LIMITERS = [
  {
    file: /rate-limit\/lease/,
    mutant: /`(false|\{\})` in `if \(tokens === undefined && this\.#inHand > 0\)/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /rate-limit\/lease/,
    mutant: /`false` in `const isTaken = tokens === 1/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /rate-limit\/lease/,
    mutant: /`false` in `if \(tokens === 1\)/,
    why: 'spares reading the parameters of the bucket',
  },
  { file: /rate-limit\/lease/, mutant: /`false` in `if \(left === 0\)/, why: 'spares giving back nothing' },
  {
    file: /rate-limit\/lease/,
    mutant: /#wasShort( =| &&|;|`|\))/,
    why: 'says by how many swaps tokens are taken, not how many',
  },
  {
    file: /rate-limit\/lease/,
    mutant: /`false` in `if \(this\.#immediate !== null\)/,
    why: 'spares an immediate for each call',
  },
  {
    file: /rate-limit\/lease/,
    mutant: /`false` in `if \(this\.#immediate === null\)/,
    why: 'nothing is in hand of what has gone back',
  },
  {
    file: /rate-limit\/charges/,
    mutant: /in `const taken = charges\.map/,
    why: 'what has not been taken is as good as too old',
  },
  {
    file: /rate-limit\/rate-limiter-all/,
    mutant: /`tokens <= paid`|`(true|tokens >= paid)` in `else if \(tokens > paid\)/,
    why: 'gives back or takes nothing',
  },
  {
    file: /rate-limit\/rate-limiter-all/,
    mutant: /in `checkBursts\(charges\.filter\(isDry\)\)/,
    why: 'spares asking for the burst where tokens are there',
  },
  {
    file: /rate-limit\/admission/,
    mutant: /`(true|returned >= 0)` in `if \(returned > 0\)/,
    why: 'looks again where nothing has changed',
  },
  {
    file: /rate-limit\/admission/,
    mutant: /`(true|tokens >= 1)` in `else if \(tokens > 1 &&/,
    why: 'no burst is less than one token',
  },
  {
    file: /rate-limit\/admission/,
    mutant: /`true` in `#letIn\(|`false` in `if \(maxWaitMs === Infinity &&/,
    why: 'spares an estimate that nobody asks for',
  },
  {
    file: /rate-limit\/admission/,
    mutant: /`(false|tokens < MAX_BURST)` in `if \(typeof tokens === 'number'/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`false` in `(if \(tokens === undefined|await \(signal === undefined|if \(isPlain)|` in `const isPlain = /,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /rate-limit\/admission/,
    mutant: /`true` in `if \(waiting === 0\)/,
    why: 'the bucket is in debt while anybody waits',
  },
  {
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`false` in `if \(!policyCalls\.isOn\)/,
    why: 'spares what is done for who listens, where nobody does',
  },
  {
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`false` in `if \(this\.#admission\.isOver\)/,
    why: 'what has ended ends once more',
  },
  {
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`this\.#bucket\.close\(\)`/,
    why: 'only what has a name has something to close',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`\{\}` in `delete\(queue\)/,
    why: 'nobody waits there who could be served',
  },
  { file: /rate-limit\/waiting\/wait-queue/, mutant: /`\+1` in `place = -1/, why: 'set before anybody reads it' },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`true` in `if \(this\.signal !== undefined\)/,
    why: 'nothing is let go of where there is nothing',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`this\.signal\.reason`/,
    why: 'only a signal tells, which the compiler does not know',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant:
      /`true` in `(this\.)?#isArmed = false|`true` in `if \(this\.#isArmed\) timers\.remove|`true` in `if \(this\.#isArmed\)/,
    why: 'takes out a timer that is out',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`(true|this\.#line\.size >= 0)` in `if \(this\.#line\.size > 0\)/,
    why: 'looks where nobody waits',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`true` in `if \(this\.#line\.size === 0\)|`false` in `(if \(this\.#willLook\)|this\.#willLook = true)/,
    why: 'looks for each that gives up, not once for all',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant:
      /`true` in `(else )?if \(this\.#owner === null\)|`(true|this\.#line\.size >= 0)` in `this\.#isArmed = this\.#line/,
    why: 'only memory: test/gc has what waits leave',
  },
  {
    file: /rate-limit\/waiting\/wait-queue/,
    mutant: /`(true|this\.#isArmed \|\| .*)` in `if \(this\.#isArmed && /,
    why: 'looks where nothing is due',
  },
  {
    file: /rate-limit\/waiting\/covered-callers/,
    mutant: /`true` in `if \(caller\.digits !== digits\)|`false` in `if \(last\?\.digits === /,
    why: 'counts what is counted already',
  },
  {
    file: /rate-limit\/waiting\/covered-callers/,
    mutant: /`(false|last\.isCovered)` in `if \(last\?\.isCovered !== true\)/,
    why: 'whoever stands before the first without tokens has some, which the compiler does not know',
  },
  { file: /rate-limit\/own-clocks/, mutant: /`--this\.#count`/, why: 'any number will do that no other clock has' },
  {
    file: /rate-limit\/waiting\/held-runs/,
    mutant: /`this\.#runs\[index - 1\]\.from >= from`/,
    why: 'no two stretches begin at the same place',
  },
  { file: /rate-limit\/waiting\/held-runs/, mutant: /`run\.from <= place`/, why: 'lets go of nothing' },
  { file: /rate-limit\/waiting\/turn/, mutant: /`behind < 0`/, why: 'it is the horizon either way' },
  {
    file: /rate-limit\/take-together/,
    mutant: /`false` in `(if \((future|at) === null\)|if \(charges\.some)/,
    why: 'a limit without a place for a caller is found sooner or later',
  },
  {
    file: /rate-limit\/take-together/,
    mutant: /in `if \(end === null \|\| restMs === null\)/,
    why: 'both or neither, unless another thread changes the limit between',
  },
  {
    file: /rate-limit\/take-together/,
    mutant: /`false` in `const gapMs = /,
    why: 'there is nothing to wait for either way',
  },
  { file: /rate-limit\/take-together/, mutant: /`\+1` in `heapIndex/, why: 'set before anybody reads it' },
  {
    file: /rate-limit\/take-together/,
    mutant: /`true` in `if \(signal !== undefined\)/,
    why: 'nothing is let go of where there is nothing',
  },
  {
    file: /rate-limit\/take-together/,
    mutant: /`signal\.reason`/,
    why: 'only a signal tells, which the compiler does not know',
  },
  { file: /rate-limit\/take-together/, mutant: /charge\.tokens\) >= 0`/, why: 'looks again where nothing has changed' },
  {
    file: /rate-limit\/(take-together|wait-for-all)/,
    mutant: /^EqualityOperator: `(restMs >= 0|axis\.produced - end < keeps|.* > nowMs|goodUntilMs <= clock\.now\(\))`/,
    why: 'the same but for a moment',
  },
  {
    file: /rate-limit\/waiting\/waiting-line/,
    mutant: /`true` in `if \(this\.#hasRows\)/,
    why: 'tells rows that nobody has, and nobody reads',
  },
  {
    file: /rate-limit\/waiting\/waiting-line/,
    mutant: /`(place >= FARTHEST|aheadMs <= 0|aheadMs >= 0|from > to)`/,
    why: 'the same at the bound',
  },
  {
    file: /rate-limit\/waiting\/waiting-line/,
    mutant: /`false` in `if \(surplus <= 0/,
    why: 'of what is held there is a last stretch, which the compiler does not know',
  },
]
