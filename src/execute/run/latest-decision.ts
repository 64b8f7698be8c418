import type { Decision } from '../model/decide.js'
import { currentLimits } from '../model/limits.js'
import type { Measured } from '../model/profile.js'

/** What a decision without options is made from, but for the limits of the machine. */
interface Question {
  readonly measured: Measured
  readonly items: number | null
  readonly warmWorkers: number
  readonly wakeMs: number
}

/** Items that take this much more or less, as a part, are treated alike. */
const TOLERANCE = 0.05

let latest: (Question & { readonly decision: Decision }) | undefined

/**
 * What `decide` gives for a run without options, unless the last decision was on the same question: for runs of a few milliseconds that follow
 * each other it is worth not to think twice. Its estimates are then of items that took a little less or more.
 */
export function decideOnce(question: Question, decide: () => Decision): Decision {
  const known = latestDecision(question)
  if (known !== undefined) return known
  const decision = decide()
  latest = { ...question, decision }
  return decision
}

/** The last decision, if it was on the same question. */
export function latestDecision(question: Question): Decision | undefined {
  return latest !== undefined && isAlike(latest, question) ? latest.decision : undefined
}

function isAlike({ decision, measured: before, items, warmWorkers, wakeMs }: NonNullable<typeof latest>, question: Question): boolean {
  const { measured: now } = question
  return (
    items === question.items && warmWorkers === question.warmWorkers && wakeMs === question.wakeMs &&
    // They are read anew once a second.
    decision.limits === currentLimits() &&
    Math.abs(now.itemMs - before.itemMs) <= TOLERANCE * before.itemMs &&
    now.isShared === before.isShared && now.isAsync === before.isAsync && now.cpuShare === before.cpuShare &&
    now.itemBytes === before.itemBytes && now.resultBytes === before.resultBytes && now.cloneNodes === before.cloneNodes
  )
}
