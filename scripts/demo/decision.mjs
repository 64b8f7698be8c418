// What one decision of a limiter costs on this machine.
import { RateLimiter } from 'amorsize'

const rounds = 7
const callsPerRound = 1_000_000

/**
 * Times `tryAcquire()` in a loop, allowed and denied.
 *
 * @returns {{ allowedNs: number, deniedNs: number }} medians over the rounds, nanoseconds per call, the loop itself included
 */
export function costOfDecision() {
  const open = new RateLimiter({ requestsPerSecond: 1e9, burstSize: 1e9 })
  const shut = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 })
  shut.tryAcquire()
  return { allowedNs: medianNs(open, true), deniedNs: medianNs(shut, false) }
}

function medianNs(limiter, expected) {
  const timesNs = []
  for (let round = 0; round < rounds; round++) {
    let asExpected = 0
    const startMs = performance.now()
    for (let i = 0; i < callsPerRound; i++) if (limiter.tryAcquire() === expected) asExpected++
    timesNs.push(((performance.now() - startMs) * 1e6) / callsPerRound)
    if (asExpected !== callsPerRound)
      throw new Error(`${callsPerRound - asExpected} of ${callsPerRound} decisions came out wrong`)
  }
  return timesNs.sort((a, b) => a - b)[rounds >> 1]
}
