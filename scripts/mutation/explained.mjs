// Survivors that no test can notice, each with the reason; docs/mutation.md prints it behind them.

import { OF_LIMITERS } from './explained-limiters.mjs'
import { OF_MEMORY } from './explained-memory.mjs'
import { OF_NATIVE } from './explained-native.mjs'
import { OF_SCHEDULES } from './explained-schedule.mjs'
import { OF_SEMAPHORES } from './explained-semaphore.mjs'

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} the first that fits a survivor, as the table names it */
const EXPLAINED = [
  { mutant: /`true` in `(else )?if \(.*isHeard\)/, why: 'spares the payload of an event that nobody would get' },
  { mutant: /`true` in `if \((this\.#scope|parent)\.isAbortable\)/, why: 'spares a listener on what nothing aborts' },
  { mutant: /`true` in `this\.readsArguments =/, why: 'spares keeping arguments that no stage looks at' },
  {
    file: /transfer\/values/,
    mutant: /isSimple|\bisArray\b|visits|contents|`(true|false|\{\})` in `(return (true|false);|try \{|catch \{)/,
    why: 'only has a value that is plain looked at more closely, which takes longer',
  },
  {
    file: /transfer\/values/,
    mutant:
      /`false` in `(if \(pending\.length === 0\)|if \(array\.length > MOST|if \(copy === part|if \(known !== undefined|if \(bytes\.byteLength)|`true` in `if \((compact !== value|look\.views|isKept)|`(array|look\.views)\.length >= /,
    why: 'spares work whose outcome is the same',
  },
  {
    file: /policy\/coalesce/,
    mutant: /`\{\}` in `end\(\)/,
    why: 'lets go of a listener that would do nothing, in the scope of a call that may have many attempts',
  },
  {
    file: /policy\/(stages\/frame|stages\/staged-policy|stages\/guard-function)/,
    mutant: /`true` in `if \((callListeners\.areThere|heard|policyCalls\.isOn|events !== undefined)\)/,
    why: 'spares what is done for who listens, where nobody does',
  },
  {
    file: /policy\/stages\/frame/,
    mutant: /`(true|verdict !== undefined \|\| verdict !== AGAIN)` in `(if|while) \(verdict !== undefined/,
    why: 'spares a turn where there is nothing to wait for',
  },
  {
    file: /policy\/stages\/frame/,
    mutant: /`false` in `if \((stages\.length|index) === 0\)/,
    why: 'spares a frame that has no stages',
  },
  {
    file: /policy\/stages\/staged-policy/,
    mutant: /`true` in `if \(only !== undefined && stages/,
    why: 'one stage is there, which the compiler does not know',
  },
  {
    file: /policy\/stages\/frame/,
    mutant: /`\(stages\[index\] \?\? around\)\.events`/,
    why: 'there is a stage at each index, which the compiler does not know',
  },
  {
    file: /policy\/stages\/scope/,
    mutant: /`this\.#state(\?\.listeners\.add\(listener\)|\.listeners)`|`state\.(listeners|controller)`/,
    why: 'who listens has a state, which the compiler does not know',
  },
  {
    file: /policy\/stages\/scope/,
    mutant: /`true` in `return this\.#external !== undefined \|\|/,
    why: 'spares a listener on what nothing aborts',
  },
  {
    file: /policy\/stages\/scope/,
    mutant: /`false` in `if \(asker === undefined\)/,
    why: 'whoever is told of an abort has asked, which the compiler does not know',
  },
  {
    file: /policy\/stages\/scope/,
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
  {
    file: /policy\/stages\/guard-function/,
    mutant: /`true` in `if \(within !== undefined\)/,
    why: 'one policy has no order',
  },
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
    file: /policy\/retry\/retry\.ts/,
    mutant: /`false` in `call\.slots\[slot\] = maxElapsedMs === Infinity/,
    why: 'spares reading the clock where no limit needs it',
  },
  {
    file: /policy\/retry\/retry\.ts/,
    mutant: /`false` in `if \(!call\.failed && retryIfResult === undefined\)/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /policy\/retry\/retry\.ts/,
    mutant: /`false` in `if \(retryIfResult === undefined \|\|/,
    why: 'a success is judged only where retryIfResult was given, which the compiler does not know',
  },
  {
    file: /policy\/retry\/retry\.ts/,
    mutant: /`true` in `if \(isThenable\(answer\)\)/,
    why: 'spares a turn for an answer that is there',
  },
  {
    file: /policy\/stages\/sleep/,
    mutant: /`\+1` in `heapIndex: -1/,
    why: 'the timers set it before anybody reads it',
  },
  {
    file: /policy\/circuit-breaker\/stage/,
    mutant: /`false` in `return admitted === this\.#generation/,
    why: 'a short way to what would be found the long way',
  },
  {
    file: /policy\/circuit-breaker\/stage/,
    mutant: /`true` in `if \(typeof admitted !== 'number'\)/,
    why: 'spares reading the clock for what has no duration to record',
  },
  {
    file: /policy\/circuit-breaker\/stage/,
    mutant: /`(true|weight >= 0)` in `if \(weight > 0\)/,
    why: 'spares reading the clock for what has no duration to record',
  },
  {
    file: /policy\/bulkhead\/stage/,
    mutant: /`this\.options\.least >= 0`/,
    why: 'a fixed limit learns nothing from how long a call took',
  },
  {
    file: /policy\/(stages\/rate-limit-stage|keyed-rate-limit)/,
    mutant: /`false` in `(return|if \() ?turn === GRANTED/,
    why: 'spares a turn for what is granted already',
  },
  {
    file: /policy\/(portable-limiter|bulkhead\/bulkhead)\.ts/,
    mutant: /in `isNameShared: true/,
    why: 'told apart only without the addon, AMORSIZE_NATIVE=0',
  },
  {
    file: /policy\/bulkhead\/stage/,
    mutant: /`\[\.\.\.this\.#waiting\]`/,
    why: 'in reverse, a slot that another thread has just handed over goes to who came first',
  },
  {
    file: /policy\/bulkhead\/stage/,
    mutant: /`hold\.(leave|outer)` in/,
    why: 'a call that leaves a bulkhead holds its slot, which the compiler does not know',
  },
  {
    file: /policy\/circuit-breaker\/change/,
    mutant: /`performance\.now\(\) >= giveUpMs`/,
    why: 'the same but for a moment',
  },
  { file: /policy\/stages\/stage\.ts/, mutant: /`true` in `failed = false/, why: 'set before anybody reads it' },
  {
    file: /policy\/stages\/policy-call/,
    mutant: /`stages\[0\]\.events`/,
    why: 'where there is one it is the first, which the compiler does not know',
  },
  ...OF_LIMITERS,
  ...OF_MEMORY,
  ...OF_NATIVE,
  ...OF_SCHEDULES,
  ...OF_SEMAPHORES,
]

/** Why no test can notice a survivor; undefined where nobody has found a reason. */
export function whyAlive(file, mutant) {
  return EXPLAINED.find((each) => (each.file === undefined || each.file.test(file)) && each.mutant.test(mutant))?.why
}
