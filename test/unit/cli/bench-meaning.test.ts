import { describe, expect, it } from 'vitest'
import { meaningOf } from '../../../dist/cli/bench/meaning.js'
import type { CaseReport } from '../../../dist/cli/bench/run.js'

function one(subject: string, role: CaseReport['role'], ns: number, path: CaseReport['path'] = 'allowed'): CaseReport {
  const nsPerCall = { median: ns, min: 0.95 * ns, max: 1.05 * ns, samples: 3 }
  return { id: subject, subject, version: '1.0.0', path, role, call: '', nsPerCall, samples: [ns], heapBytesPerCall: 0 }
}
const ours = one('amorsize', 'ours', 20)

describe('what a benchmark means', () => {
  it('is said of a million calls, the faster rival first', () => {
    const cases = [ours, one('limiter', 'rival', 46), one('fast-ratelimit', 'rival', 10), one('a loop', 'floor', 1)]
    expect(meaningOf({ cases })).toEqual([
      'A million decisions cost amorsize 20 ms in one thread. They cost fast-ratelimit 10 ms, 2 × as fast: 10 ms less. They cost limiter 46 ms, 2.3 × as long: 26 ms more.',
    ])
  })

  it('compares with the limiter itself, as the tables do, not with a faster way to use it', () => {
    const lease = { ...one('amorsize lease', 'ours', 1), id: 'lease' }
    expect(meaningOf({ cases: [ours, lease, one('limiter', 'rival', 40)] })[0]).toMatch(
      /^A million decisions cost amorsize 20 ms/,
    )
  })

  it('does not call the faster who may be so by chance', () => {
    const [sentence] = meaningOf({ cases: [ours, one('limiter', 'rival', 21)] })
    expect(sentence).toContain('They cost limiter 21 ms: no difference that this measurement can tell.')
  })

  it('is nothing without this package or without another', () => {
    expect(meaningOf({ cases: [ours] })).toEqual([])
    expect(meaningOf({ cases: [one('limiter', 'rival', 46)] })).toEqual([])
    expect(meaningOf({ cases: [one('amorsize', 'ours', 20, 'denied'), one('limiter', 'rival', 46)] })).toEqual([])
  })
})
