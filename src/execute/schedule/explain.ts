import type { Considered } from './cost-model.js'
import type { Decision } from './planner.js'
import type { Assumed, Plan } from './profile.js'

/** Copies that take more than this part of an item's time are why workers do not pay. */
const MUCH_TO_COPY = 0.67

/** A report on a plan for a person: what was measured, what was considered, why this choice, and what would change it if anything can. */
export function explainPlan(plan: Plan): string {
  const { profile, warnings } = plan
  const assumed = (name: Assumed): string => (profile.assumed.includes(name) ? ' (assumed)' : '')
  const advice = adviceFor(plan)
  const lines = [
    plan.mode === 'serial'
      ? 'Plan: stay in this thread, one item after the other.'
      : `Plan: ${describe(plan)} (estimated at most ${plan.estimatedSpeedup.toFixed(2)} × as fast as the loop).`,
    `Why: ${plan.reason}`,
    '',
    plan.cacheHit
      ? 'Measured in earlier runs of this task on such items:'
      : `Measured on the first ${count(profile.sampleSize, 'item')}:`,
    `  an item takes        ${time(profile.itemMs)} (spread ${(100 * profile.itemCv).toFixed(0)} %), of which ${(100 * profile.cpuShare).toFixed(0)} % computing`,
    `  an item weighs       ${bytes(profile.itemBytes)}, its result ${bytes(profile.resultBytes)}; sending both ${time(profile.cloneMs)}${assumed('cloneMs')}`,
    `  a worker             starts in ${time(profile.spawnMs)}${assumed('spawnMs')}, answers in ${time(profile.dispatchMs)}${assumed('dispatchMs')}, takes ${bytes(profile.bytesPerWorker)}`,
    `  items                ${profile.totalItems ?? 'as many as the source gives'}`,
    `  this machine allows  ${count(profile.limits.cpuWorkers, 'busy thread')}, ${bytes(profile.limits.availableBytes)} of memory, ${profile.limits.pidsAvailable ?? 'unlimited'} more threads`,
    '',
    profile.estimatedBy === 'cost model'
      ? 'Considered (estimated by the cost model from what was measured):'
      : 'Considered (estimated by what earlier runs of this task have taken with workers):',
    ...profile.considered.map(
      (one) => `  ${isChosen(plan, one) ? '→' : ' '} ${describe(one).padEnd(48)} ${time(one.estimatedMs)}`,
    ),
    ...(advice === undefined ? [] : ['', `What would change it: ${advice}`]),
    ...warnings.map((warning) => `Warning: ${warning}`),
  ]
  return lines.join('\n')
}

export function reasonOf(decision: Decision): string {
  const { chosen, considered, inputs, limits, measured, isByOutcome, isForTime } = decision
  const [loop] = considered
  if (inputs.items === 0) return 'nothing is left to run'
  if (measured.sampleSize === 0)
    return 'earlier runs have finished all items that were looked at; the others are measured as they run'
  const total = time(loop.estimatedMs)
  switch (chosen.mode) {
    case 'threads':
      if (isForTime) return 'only a worker thread can be ended in the middle of an item that takes too long'
      if (chosen.estimatedMs >= loop.estimatedMs)
        return `each item takes ${time(inputs.itemMs)}, for which the event loop of this thread need not wait`
      return `${total} of computing are worth ${count(chosen.workers, 'worker thread')}, estimated at ${time(chosen.estimatedMs)} at least`
    case 'async':
      return `items compute for ${(100 * inputs.cpuShare).toFixed(0)} % of their time and wait for the rest, which overlaps in this thread`
    case 'serial':
      if (measured.obstacle !== undefined) return measured.obstacle
      if (limits.cpuWorkers <= 1) return 'this process may use one core, so a second thread would not help'
      if (isByOutcome)
        return 'worker threads have made earlier runs like it no faster than the loop; they are tried again later'
      if (inputs.cloneMs > MUCH_TO_COPY * inputs.itemMs)
        return `sending an item takes ${time(inputs.cloneMs)}, running it ${time(inputs.itemMs)}`
      return `the whole work takes about ${total}, which nothing would shorten by more than it costs`
  }
}

/** No two that are considered have the same mode and as many workers. */
function isChosen(plan: Plan, one: Considered): boolean {
  return one.mode === plan.mode && one.workers === plan.workers
}

/** Describes a run that is carried out so. */
function describe({ mode, workers, chunkSize }: Pick<Considered, 'mode' | 'workers' | 'chunkSize'>): string {
  switch (mode) {
    case 'serial':
      return 'the loop in this thread'
    case 'async':
      return `${workers} in flight in this thread to begin with`
    case 'threads':
      return `${count(workers, 'worker thread')}, chunks of at most ${chunkSize}`
  }
}

/** Advice to the user, if there is any. */
function adviceFor({ mode, profile }: Plan): string | undefined {
  if (mode !== 'serial' || profile.sampleSize === 0) return undefined
  if (profile.limits.cpuWorkers <= 1) return 'a second core.'
  if (profile.cloneMs > MUCH_TO_COPY * profile.itemMs)
    return 'items that compute more for what they weigh, or that weigh less (a SharedArrayBuffer weighs nothing).'
  return `more work: longer items, or more of them (workers pay from about ${time(1.5 * profile.spawnMs)} on, ${time(1)} once they are there).`
}

function time(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`
  if (ms >= 1) return `${ms.toPrecision(3)} ms`
  return ms >= 0.001 ? `${(ms * 1000).toPrecision(3)} µs` : `${(ms * 1e6).toFixed(0)} ns`
}

function bytes(size: number | null): string {
  if (size === null) return 'an unknown amount'
  if (size < 1024) return `${size.toFixed(0)} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(size) / 10))
  return `${(size / 1024 ** power).toPrecision(3)} ${units[power - 1] ?? ''}`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
