import type { Considered } from './cost-model.js'
import type { Plan } from '../plan.js'
import type { Assumed } from './profile.js'

/** A report on a plan for a person: what was measured, what was considered, why this choice, what would change it. */
export function explainPlan(plan: Plan<unknown>): string {
  const { profile, warnings } = plan
  const assumed = (name: Assumed): string => (profile.assumed.includes(name) ? ' (assumed)' : '')
  const lines = [
    `Plan: ${plan.mode === 'serial' ? 'stay in this thread' : describe(plan)} (estimated ${times(plan.estimatedSpeedup)} the loop).`,
    `Why: ${plan.reason}`,
    '',
    plan.cacheHit
      ? 'Measured in an earlier run of this task on such items:'
      : `Measured on the first ${count(profile.sampleSize, 'item')}:`,
    `  an item takes        ${time(profile.itemMs)} (spread ${(100 * profile.itemCv).toFixed(0)} %), of which ${(100 * profile.cpuShare).toFixed(0)} % computing`,
    `  an item weighs       ${bytes(profile.itemBytes)}, its result ${bytes(profile.resultBytes)}; sending both ${time(profile.cloneMs)}${assumed('cloneMs')}`,
    `  a worker             starts in ${time(profile.spawnMs)}${assumed('spawnMs')}, answers in ${time(profile.dispatchMs)}${assumed('dispatchMs')}, takes ${bytes(profile.bytesPerWorker)}`,
    `  items                ${profile.totalItems ?? 'as many as the source gives'}`,
    `  this machine allows  ${count(profile.limits.cpuWorkers, 'busy thread')}, ${bytes(profile.limits.availableBytes)} of memory, ${profile.limits.pidsAvailable ?? 'unlimited'} more threads`,
    '',
    'Considered:',
    ...profile.considered.map(
      (one) => `  ${isChosen(plan, one) ? '→' : ' '} ${describe(one).padEnd(42)} ${time(one.estimatedMs)}`,
    ),
    '',
    `What would change it: ${whatWouldChange(plan)}`,
    ...warnings.map((warning) => `Warning: ${warning}`),
  ]
  return lines.join('\n')
}

function isChosen(plan: Plan<unknown>, one: Considered): boolean {
  return (
    one.mode === plan.mode &&
    one.workers === plan.workers &&
    (one.mode !== 'threads' || one.chunkSize === plan.chunkSize)
  )
}

function describe({ mode, workers, chunkSize }: Pick<Considered, 'mode' | 'workers' | 'chunkSize'>): string {
  switch (mode) {
    case 'serial':
      return 'the loop in this thread'
    case 'async':
      return `${workers} in flight in this thread`
    case 'threads':
      return `${count(workers, 'worker thread')}, chunks of ${chunkSize}`
  }
}

function whatWouldChange({ mode, profile }: Plan<unknown>): string {
  const copied = profile.cloneMs > 0.67 * profile.itemMs
  if (profile.limits.cpuWorkers <= 1 && mode !== 'async') return 'a second core.'
  if (mode === 'serial') {
    if (copied)
      return 'items that compute more for what they weigh, or that weigh less (a SharedArrayBuffer weighs nothing).'
    return `more work: longer items, or more of them (workers pay from about ${time(1.5 * profile.spawnMs)} on, ${time(1)} once they are warm).`
  }
  if (mode === 'async')
    return 'items that compute for more than 30 % of their time: worker threads would then share the computing.'
  return `less work than about ${time(1.5 * profile.spawnMs)}, or items that weigh more than they compute.`
}

/** Milliseconds as a person reads them. */
export function time(ms: number): string {
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

function times(factor: number): string {
  return `${factor.toFixed(2)} ×`
}
