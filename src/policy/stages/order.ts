import { warnings } from '../../internal/events/warnings.js'
import type { Stage } from './stage.js'

interface BadOrder {
  readonly outer: string
  readonly inner: string
  /** The mistake, as the end of a sentence. */
  readonly reason: string
}

// Canonical: fallback, total time-out, retry, hedge, breaker, rate limit, bulkhead, attempt time-out.
const badOrders: readonly BadOrder[] = [
  {
    outer: 'circuit-breaker',
    inner: 'retry',
    reason: 'the breaker sees one failure for all attempts, and a half-open probe becomes a volley of retries',
  },
  {
    outer: 'circuit-breaker',
    inner: 'hedge',
    reason: 'a half-open probe becomes two calls, and the breaker never sees the one that lost',
  },
  {
    outer: 'rate-limit',
    inner: 'circuit-breaker',
    reason: 'calls that the breaker refuses use up tokens, after having waited for them',
  },
  {
    outer: 'bulkhead',
    inner: 'circuit-breaker',
    reason: 'calls that the breaker refuses take slots, after having waited for them',
  },
  { outer: 'retry', inner: 'retry', reason: 'their attempts multiply' },
  { outer: 'rate-limit', inner: 'retry', reason: 'retries pass the rate limit uncounted' },
  { outer: 'bulkhead', inner: 'retry', reason: 'a call keeps its slot while it waits between attempts' },
  { outer: 'hedge', inner: 'retry', reason: 'each hedged attempt is retried by itself, which multiplies the load' },
  { outer: 'retry', inner: 'fallback', reason: 'the retry sees the substitute and never a failure' },
  { outer: 'circuit-breaker', inner: 'fallback', reason: 'the breaker sees the substitute and never a failure' },
  { outer: 'bulkhead', inner: 'rate-limit', reason: 'a call keeps its slot while it waits for the rate limit' },
]

/**
 * Warns, once for each kind of mistake, if policies are composed in an order that is known to defeat one of them.
 *
 * @param stages - outermost first
 */
export function warnAboutOrder(stages: readonly Stage[]): void {
  stages.forEach((outer, index) => {
    for (const inner of stages.slice(index + 1)) {
      const bad = badOrders.find((order) => order.outer === outer.kind && order.inner === inner.kind)
      if (bad !== undefined)
        warn(`${bad.outer} > ${bad.inner}`, `a ${bad.outer} is outside a ${bad.inner}: ${bad.reason}`)
      warnAboutLimits(outer, inner)
    }
  })
}

function warnAboutLimits(outer: Stage, inner: Stage): void {
  const outerMs = outer.limitMs ?? Infinity
  const innerMs = inner.limitMs ?? Infinity
  // A limit of NaN, which means that each call has its own, gives no warning.
  if (inner.kind !== 'timeout' || !(innerMs >= outerMs) || outerMs === Infinity) return
  const limits = `${outer.kind} of ${outerMs} ms outside a timeout of ${innerMs} ms`
  const reason =
    outer.kind === 'retry'
      ? 'a timeout inside a retry limits one attempt, so this one is no limit; put it outside to bound the total'
      : 'the inner one never fires'
  warn(`${outer.kind} shorter than timeout`, `${limits}: ${reason}`)
}

function warn(key: string, text: string): void {
  warnings.once(
    'AMORSIZE_POLICY_ORDER',
    `${text}. The usual order: fallback, total timeout, retry, hedge, circuit breaker, rate limit, bulkhead, attempt timeout.`,
    key,
  )
}
