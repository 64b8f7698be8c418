import { MARGIN } from '../model/cost-model.js'
import type { Decision } from '../model/decide.js'
import { currentLimits } from '../model/limits.js'
import type { Measured } from '../model/profile.js'

/** What a decision without options is made from, but for the limits of the machine. */
interface Question {
  readonly measured: Measured
  readonly items: number
  readonly warmWorkers: number
  readonly wakeMs: number
}

/** Items that take up to so many times as long, or as short, change how long a schedule takes in proportion. */
const MOST_CHANGE = 1.25
/** What takes this part more or less does not change the choice of the loop. */
const LITTLE_CHANGE = 0.05

let latest: (Question & { readonly decision: Decision }) | undefined

/**
 * What `decide` gives for a run without options, unless the last decision was on a question like this: for runs of a few milliseconds that
 * follow each other it is worth not to think twice.
 */
export function decideOnce(question: Question, decide: () => Decision): Decision {
  const known = latestDecision(question)
  if (known !== undefined) return known
  const decision = decide()
  latest = { ...question, decision }
  return decision
}

/**
 * The last decision, if it was on as many items of the same kind. What of these takes more time or less now is in its estimate; undefined where
 * that leaves it in doubt, too.
 */
export function latestDecision(question: Question): Decision | undefined {
  if (latest === undefined || !isAlike(latest, question)) return undefined
  const { decision, measured, wakeMs } = latest
  const { chosen } = decision
  const change = question.measured.itemMs / measured.itemMs
  // What would change a decision for the loop is workers that cost less.
  if (chosen.mode !== 'threads')
    return wakeMs <= question.wakeMs && Math.abs(change - 1) <= LITTLE_CHANGE ? decision : undefined
  const estimatedMs = (chosen.estimatedMs - wakeMs) * change + question.wakeMs
  const isSure =
    change <= MOST_CHANGE &&
    change * MOST_CHANGE >= 1 &&
    estimatedMs < question.items * question.measured.itemMs * MARGIN
  if (!isSure) return undefined
  // Not spread: short runs feel how long the engine takes for that.
  const { considered, inputs, limits, bytesPerWorker } = decision
  const { mode, workers, chunkSize } = chosen
  return { chosen: { mode, workers, chunkSize, estimatedMs }, considered, inputs, limits, bytesPerWorker }
}

function isAlike(
  { decision, measured: before, items, warmWorkers }: NonNullable<typeof latest>,
  question: Question,
): boolean {
  const { measured: now } = question
  return (
    items === question.items &&
    warmWorkers === question.warmWorkers &&
    // They are read anew once a second.
    decision.limits === currentLimits() &&
    now.isShared === before.isShared &&
    now.isAsync === before.isAsync &&
    now.cpuShare === before.cpuShare &&
    now.itemBytes === before.itemBytes &&
    now.resultBytes === before.resultBytes &&
    now.cloneNodes === before.cloneNodes
  )
}
