import { paceOf, type PlainLoop, restMs, runSlice, taskOf } from '../here/plain-loop.js'
import { turn } from '../here/turn.js'
import { credit } from '../model/credit.js'
import { SLICE_MS } from '../model/pace.js'
import { correct, hadWorkers, latestItemMs, noteWorkers, recall } from '../model/profile-cache.js'
import { wakeUp } from '../model/wake-up.js'
import { type CompleteOptions, DEFAULTS } from '../options.js'
import type { ResolvedTask } from '../task.js'
import { idleWorkers } from '../workers/idle-workers.js'
import { poolFor } from '../workers/worker-pool.js'
import { conduct } from './conductor.js'
import { ArraySource } from './item-source.js'
import { type Evidence, evidenceOf, evidenceOfAll, type Example, exampleOf } from './evidence.js'
import { Judge } from './judge.js'
import { latestDecision } from './latest-decision.js'
import { resultsOf } from './results.js'
import { Run } from './run.js'
import { ArraySink } from './sinks.js'
import { finishWaiting } from './waiting-run.js'
import { mayUseWorkers } from './worth.js'

/** The loop is looked at as often as this, in milliseconds. */
const LOOK_MS = 0.5

/** Items that take no more than so many times what was expected are no news. */
const UNEXPECTED = 1.25

/** A run that will be as long as this has a worker woken up while it makes ready. */
const WAKE_MS = 0.8

/** Goes on with a loop for which workers, or several items in flight, may be worth more, and carries on with these as soon as they are. */
export async function finishJudged(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  const isAgain = hadWorkers(taskOf(loop).key)
  const { found, judge: recalling } = loop.pending === undefined ? recalled(loop, options) : {}
  if (found !== undefined) return handOver(loop, options, found, isAgain)
  const judge = recalling ?? new Judge(taskOf(loop), options)
  let atTurnMs = loop.seenMs
  do {
    if (loop.pending !== undefined) return finishWaiting(loop, loop.pending, options)
    const found = considered(loop, options, judge)
    if (found !== undefined) return handOver(loop, options, found)
    if (loop.seenMs - atTurnMs >= SLICE_MS) {
      atTurnMs = loop.seenMs
      await turn(options.signal)
    }
  } while (runSlice(loop, LOOK_MS))
  wakeUp.ran(performance.now())
  credit.earn(loop.seenMs)
  learnLater(loop, judge)
  return loop.results
}

/** The same where another schedule than the loop has been chosen already. */
export function finishDecided(
  loop: PlainLoop,
  options: CompleteOptions,
  decided: NonNullable<ReturnType<Judge['decide']>>,
): Promise<unknown[]> {
  const { decision, measured } = decided
  if (decision.chosen.mode === 'threads') wakeWorker(options, measured.itemMs * (loop.items.length - loop.next))
  return handOver(loop, options, decided)
}

/** What is known of such items: the schedule that it suggests, if that is one with workers, and whoever has judged it. How long they take shows by now. */
function recalled(
  loop: PlainLoop,
  options: CompleteOptions,
): { readonly found?: ReturnType<Judge['decide']>; readonly judge?: Judge } {
  const { items, next } = loop
  if (idleWorkers() === 0 || !options.useCache || !mayUseWorkers(options)) return {}
  const task = taskOf(loop)
  const rest = items.length - next
  const isAgain = hadWorkers(task.key)
  if (isAgain) wakeWorker(options, latestItemMs(task.key) * rest)
  const known = recall(task.key, items[next])
  if (known === undefined) return {}
  const itemMs = loop.seenItems > 0 ? paceOf(loop).itemMs : known.itemMs
  const isAllowed = mayLose(options, rest * itemMs)
  if (isAllowed && isAgain && options === DEFAULTS && loop.seenItems === 0) {
    const decision = latestDecision({
      measured: known,
      items: rest,
      warmWorkers: poolFor(undefined).idle,
      wakeMs: wakeUp.ms(performance.now()),
    })
    if (decision?.chosen.mode === 'threads') return { found: { decision, measured: known } }
  }
  const judge = new Judge(task, options)
  const found =
    isAllowed && judge.isDue(rest * itemMs, Infinity) ? judge.decide({ ...known, itemMs }, rest, 0) : undefined
  // Of what waits, how long it takes says little about this thread's work.
  if (!known.isAsync) judge.expectedMs = itemMs
  noteWorkers(task.key, found !== undefined)
  return { found, judge }
}

/** What is asleep takes longest to begin: one that is there is woken up while the run is made ready. */
function wakeWorker({ maxMemoryPerWorker }: CompleteOptions, restMs: number): void {
  if (restMs > WAKE_MS) poolFor(maxMemoryPerWorker).wake()
}

/** The schedule that what has been seen suggests, if it is one with workers. */
function considered(loop: PlainLoop, options: CompleteOptions, judge: Judge): ReturnType<Judge['consider']> {
  const leftMs = restMs(loop)
  const isNews = loop.lastMs > judge.expectedMs * loop.lastItems * UNEXPECTED
  return isNews && judge.isDue(leftMs, loop.seenMs) && mayLose(options, leftMs)
    ? judge.consider(evidenceOf(loop, loop.next))
    : undefined
}

/** Whether a run whose rest takes the loop `ms` may have workers, though they might cost more than they gain. Whoever prefers them has said so. */
function mayLose({ prefer }: CompleteOptions, ms: number): boolean {
  return prefer !== undefined || credit.allows(ms)
}

/** Whoever waits for the results gets them first. */
function learnLater(loop: PlainLoop, judge: Judge): void {
  const example = exampleOf(loop)
  if (example !== undefined) setImmediate(learn, loop, judge, example)
}

function learn(loop: PlainLoop, judge: Judge, example: Example): void {
  const task = taskOf(loop)
  const evidence = evidenceOfAll(loop, example)
  correct(task.key, evidence.item, evidence.pace.itemMs)
  judge.endedAlone(evidence)
}

/** Starts workers for runs like the one that has shown this, if they are worth it. */
export function prepareFor(task: ResolvedTask, evidence: Evidence, options: CompleteOptions): void {
  new Judge(task, options).prepare(evidence)
}

/** What it has cost to have workers for the rest of a run. */
function learnCost(
  { decision, measured }: NonNullable<ReturnType<Judge['decide']>>,
  rest: number,
  tookMs: number,
  isAgain: boolean,
): void {
  credit.settle(rest * measured.itemMs, tookMs)
  if (isAgain) wakeUp.learn(decision.chosen.estimatedMs, tookMs, performance.now())
}

/**
 * Carries on with what the loop has begun.
 *
 * @param isAgain - whether workers are there that know the task: how such runs begin and end is learnt from
 */
async function handOver(
  loop: PlainLoop,
  options: CompleteOptions,
  found?: ReturnType<Judge['decide']>,
  isAgain = false,
): Promise<unknown[]> {
  const { items, next } = loop
  const sink = new ArraySink(loop.results)
  const source = new ArraySource(items)
  source.position = next
  const run = new Run(options, taskOf(loop), source, source.position, sink, [])
  const pace = paceOf(loop)
  conduct(run, { pace, measured: found?.measured, decided: found?.decision.chosen })
  const all = await resultsOf(run, sink)
  if (found !== undefined && !found.measured.isAsync) learnCost(found, items.length - next, run.elapsedMs, isAgain)
  return all
}
