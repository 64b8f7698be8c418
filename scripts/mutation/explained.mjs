// Survivors that no test can notice, each with the reason; docs/mutation.md prints it behind them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} the first that fits a survivor, as the table names it */
export const EXPLAINED = [
  { mutant: /`true` in `(else )?if \(.*isHeard\)/, why: 'spares the payload of an event that nobody would get' },
  { mutant: /`true` in `if \((this\.#scope|parent)\.isAbortable\)/, why: 'spares a listener on what nothing aborts' },
  { mutant: /`true` in `this\.readsArguments =/, why: 'spares keeping arguments that no stage looks at' },
  {
    file: /policy\/coalesce/,
    mutant: /`\{\}` in `end\(\)/,
    why: 'lets go of a listener that would do nothing, in the scope of a call that may have many attempts',
  },
  {
    file: /policy\/(frame|staged-policy|guard-function)/,
    mutant: /`true` in `if \((callListeners\.areThere|heard|policyCalls\.isOn|events !== undefined)\)/,
    why: 'spares what is done for who listens, where nobody does',
  },
  {
    file: /policy\/frame/,
    mutant: /`(true|verdict !== undefined \|\| verdict !== AGAIN)` in `(if|while) \(verdict !== undefined/,
    why: 'spares a turn where there is nothing to wait for',
  },
  {
    file: /policy\/frame/,
    mutant: /`false` in `if \(stages\.length === 0\)/,
    why: 'spares a frame that has no stages',
  },
  {
    file: /policy\/frame/,
    mutant: /`\(stages\[index\] \?\? around\)\.events`/,
    why: 'there is a stage at each index, which the compiler does not know',
  },
  {
    file: /policy\/scope/,
    mutant: /`this\.#state(\?\.listeners\.add\(listener\)|\.listeners)`|`state\.(listeners|controller)`/,
    why: 'who listens has a state, which the compiler does not know',
  },
  {
    file: /policy\/scope/,
    mutant: /`true` in `return this\.#external !== undefined \|\|/,
    why: 'spares a listener on what nothing aborts',
  },
  {
    file: /policy\/scope/,
    mutant: /`false` in `if \(asker === undefined\)/,
    why: 'whoever is told of an abort has asked, which the compiler does not know',
  },
  {
    file: /policy\/scope/,
    mutant: /`true` in `if \(this\.#external !== undefined\)/,
    why: 'nothing is let go of where there is nothing',
  },
  {
    file: /policy\/bound/,
    mutant: /in `if \(isNameShared && name !== null|in `export function whyBound/,
    why: 'told apart only without the addon, AMORSIZE_NATIVE=0',
  },
  {
    file: /policy\/call\.ts/,
    mutant: /`false` in `return signal === undefined/,
    why: 'a signal that is undefined is none',
  },
  { file: /policy\/guard-function/, mutant: /`true` in `if \(within !== undefined\)/, why: 'one policy has no order' },
  {
    file: /policy\/hedge/,
    mutant: /this\.#startedMs = stage\.histogram/,
    why: 'spares reading the clock where no duration is recorded',
  },
  { file: /policy\/hedge/, mutant: /this\.#running\.length === 0\)/, why: 'spares an error for nobody' },
  {
    file: /policy\/hedge/,
    mutant: /`false` in `this\.#isOver = true/,
    why: 'no timer fires between the answer and the end of a call, unless the answer itself moves the clock',
  },
  {
    file: /policy\/retry\.ts/,
    mutant: /`false` in `call\.slots\[slot\] = maxElapsedMs === Infinity/,
    why: 'spares reading the clock where no limit needs it',
  },
  {
    file: /policy\/retry\.ts/,
    mutant: /`false` in `if \(!call\.failed && retryIfResult === undefined\)/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /policy\/retry\.ts/,
    mutant: /`false` in `if \(retryIfResult === undefined \|\|/,
    why: 'a success is judged only where retryIfResult was given, which the compiler does not know',
  },
  {
    file: /policy\/retry\.ts/,
    mutant: /`true` in `if \(isThenable\(answer\)\)/,
    why: 'spares a turn for an answer that is there',
  },
  { file: /policy\/sleep/, mutant: /`\+1` in `heapIndex: -1/, why: 'the timers set it before anybody reads it' },
  {
    file: /policy\/circuit-breaker-stage/,
    mutant: /`false` in `return admitted === this\.#generation/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /policy\/circuit-breaker-stage/,
    mutant: /`true` in `if \(typeof admitted !== 'number'\)/,
    why: 'spares reading the clock for what has no duration to record',
  },
  {
    file: /policy\/circuit-breaker-stage/,
    mutant: /`(true|weight >= 0)` in `if \(weight > 0\)/,
    why: 'spares reading the clock for what has no duration to record',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant: /`this\.options\.least >= 0`/,
    why: 'a fixed limit learns nothing from how long a call took',
  },
  {
    file: /policy\/bulkhead-partitions/,
    mutant: /`false` in `if \(this\.#options\.name === null\)|`this\.#options\.name !== null`/,
    why: 'spares making slots anew',
  },
  {
    file: /policy\/bulkhead-partitions/,
    mutant: /`\{\}` in `rest\(|in `if \(key === undefined\)/,
    why: 'only memory: test/gc has what keys leave',
  },
  {
    file: /policy\/bulkhead-partitions/,
    mutant: /`this\.#options\.key\(/,
    why: 'partitions are asked for only where there is a key',
  },
  {
    file: /policy\/(rate-limit-stage|keyed-rate-limit)/,
    mutant: /`false` in `(return|if \() ?turn === GRANTED/,
    why: 'spares a turn for what is granted already',
  },
  {
    file: /policy\/keyed-rate-limit/,
    mutant: /`false` in `if \(!this\.events\.isHeard\)/,
    why: 'spares the payload of an event that nobody would get',
  },
  {
    file: /policy\/(portable-limiter|bulkhead)\.ts/,
    mutant: /in `isNameShared: true/,
    why: 'told apart only without the addon, AMORSIZE_NATIVE=0',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant: /admission === ADMISSION\.admitted\)|`\{\}` in `if \(admission === ADMISSION\.admitted/,
    why: 'only where another thread gives a slot back between two looks',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant: /`\[\.\.\.this\.#waiting\]`/,
    why: 'in reverse, a slot that another thread has just handed over goes to who came first',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant:
      /`partition\.users--`|`\{\}` in `#leave\(|`\+\+partition\.users`|`false` in `if \(--partition\.users|`false` in `if \(!isAdmitted|`true` in `this\.#end\(false\)/,
    why: 'only memory: test/gc has what keys leave',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant: /`partition === this\.#only` in `if \(--partition\.users/,
    why: 'only memory: test/gc has what keys leave',
  },
  {
    file: /policy\/bulkhead-stage/,
    mutant: /`hold\.(leave|outer)` in/,
    why: 'a call that leaves a bulkhead holds its slot, which the compiler does not know',
  },
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
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`false` in `if \(this\.#admission\.isOver\)/,
    why: 'what has ended ends once more',
  },
  {
    file: /rate-limit\/rate-limiter\.ts/,
    mutant: /`this\.#bucket\.close\(\)`/,
    why: 'only the twin has nothing to close, AMORSIZE_NATIVE=0',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`\{\}` in `delete\(queue\)/,
    why: 'nobody waits there who could be served',
  },
  { file: /rate-limit\/wait-queue/, mutant: /`\+1` in `place = -1/, why: 'set before anybody reads it' },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`true` in `if \(this\.signal !== undefined\)/,
    why: 'nothing is let go of where there is nothing',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`this\.signal\.reason`/,
    why: 'only a signal tells, which the compiler does not know',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant:
      /`true` in `(this\.)?#isArmed = false|`true` in `if \(this\.#isArmed\) timers\.remove|`true` in `if \(this\.#isArmed\)/,
    why: 'takes out a timer that is out',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`(true|this\.#line\.size >= 0)` in `if \(this\.#line\.size > 0\)/,
    why: 'looks where nobody waits',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`true` in `if \(this\.#line\.size === 0\)|`false` in `(if \(this\.#willLook\)|this\.#willLook = true)/,
    why: 'looks for each that gives up, not once for all',
  },
  {
    file: /rate-limit\/wait-queue/,
    mutant: /`(true|this\.#isArmed \|\| .*)` in `if \(this\.#isArmed && /,
    why: 'looks where nothing is due',
  },
  {
    file: /rate-limit\/covered-callers/,
    mutant: /`false` in `if \(last\?\.generation === /,
    why: 'moves what is held to where it is',
  },
  {
    file: /rate-limit\/covered-callers/,
    mutant: /`true` in `if \(last !== null\)/,
    why: 'nothing is held before there is an axis',
  },
  {
    file: /rate-limit\/covered-callers/,
    mutant: /`true` in `if \(caller\.digits !== digits\)/,
    why: 'counts what is counted already',
  },
  {
    file: /rate-limit\/covered-callers/,
    mutant: /`(false|last\.isCovered)` in `if \(last\?\.isCovered !== true\)/,
    why: 'whoever stands before the first without tokens has some, which the compiler does not know',
  },
  { file: /rate-limit\/own-clocks/, mutant: /`--this\.#count`/, why: 'any number will do that no other clock has' },
  {
    file: /rate-limit\/held-runs/,
    mutant: /`this\.#runs\[index - 1\]\.from >= from`/,
    why: 'no two stretches begin at the same place',
  },
  { file: /rate-limit\/held-runs/, mutant: /`run\.from <= place`/, why: 'lets go of nothing' },
  { file: /rate-limit\/turn/, mutant: /`behind < 0`/, why: 'it is the horizon either way' },
]

/** Why no test can notice a survivor; undefined where nobody has found a reason. */
export function whyAlive(file, mutant) {
  return EXPLAINED.find((each) => (each.file === undefined || each.file.test(file)) && each.mutant.test(mutant))?.why
}
