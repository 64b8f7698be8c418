import { formatNumber } from '../text/table.js'
import type { BenchReport, CaseReport } from './run.js'

const NS_PER_MS = 1e6
const MILLION = 1e6

/**
 * Explains the figures in sentences: for a million calls, how much faster one limiter is than another, and how much time that saves.
 * Empty if this package, or every other one, could not be measured.
 */
export function meaningOf({ cases }: Pick<BenchReport, 'cases'>): string[] {
  const allowed = cases.filter(({ path }) => path === 'allowed')
  // The tables compare with this case: the limiter itself, not a lease of it.
  const ours = allowed.find(({ role }) => role === 'ours')
  const rivals = allowed.filter(({ role }) => role === 'rival')
  const first = fastest(rivals)
  const last = rivals.toSorted(byTime).at(-1)
  if (ours === undefined || first === undefined || last === undefined) return []
  const sentences = [`A million decisions cost amorsize ${msText(ours)} in one thread. ${comparison(first, ours)}`]
  if (last !== first) sentences.push(comparison(last, ours))
  return [sentences.join(' ')]
}

const byTime = (a: CaseReport, b: CaseReport): number => a.nsPerCall.median - b.nsPerCall.median
const fastest = (cases: readonly CaseReport[]): CaseReport | undefined => cases.toSorted(byTime)[0]

const msOfMillion = ({ nsPerCall }: CaseReport): number => (nsPerCall.median * MILLION) / NS_PER_MS
const msText = (one: CaseReport): string => `${formatNumber(msOfMillion(one))} ms`

function comparison(rival: CaseReport, ours: CaseReport): string {
  const times = rival.nsPerCall.median / ours.nsPerCall.median
  const overlap = rival.nsPerCall.min <= ours.nsPerCall.max && ours.nsPerCall.min <= rival.nsPerCall.max
  if (overlap) return `They cost ${rival.subject} ${msText(rival)}: no difference that this measurement can tell.`
  const difference = formatNumber(Math.abs(msOfMillion(rival) - msOfMillion(ours)))
  return times > 1
    ? `They cost ${rival.subject} ${msText(rival)}, ${formatNumber(times)} × as long: ${difference} ms more.`
    : `They cost ${rival.subject} ${msText(rival)}, ${formatNumber(1 / times)} × as fast: ${difference} ms less.`
}
