import { performance } from 'node:perf_hooks'
import { type AsyncCase, type BenchCase, PLENTY, type SyncCase } from './bench-case.js'

/**
 * This package's own cases, and the floors under all of them. The package is imported inside each case: a rival's process
 * loads none of it.
 */

async function plentiful(): Promise<import('../index.js').RateLimiter> {
  const { RateLimiter } = await import('../index.js')
  return new RateLimiter({ requestsPerSecond: PLENTY, burstSize: PLENTY })
}

async function drained(): Promise<import('../index.js').RateLimiter> {
  const { RateLimiter } = await import('../index.js')
  const limiter = new RateLimiter({ requestsPerSecond: 0.001, burstSize: 1, waitOnLimit: false })
  limiter.tryAcquire()
  return limiter
}

const allowed: SyncCase = {
  id: 'amorsize/allowed',
  subject: 'amorsize',
  call: 'limiter.tryAcquire()',
  package: null,
  role: 'ours',
  path: 'allowed',
  async make() {
    const limiter = await plentiful()
    return () => limiter.tryAcquire()
  },
}

const allowedTokens: SyncCase = {
  ...allowed,
  id: 'amorsize/allowed-tokens',
  call: 'limiter.tryAcquire(2)',
  async make() {
    const limiter = await plentiful()
    return () => limiter.tryAcquire(2)
  },
}

const leased: SyncCase = {
  ...allowed,
  id: 'amorsize/lease',
  subject: 'amorsize lease of 64',
  call: 'lease.tryAcquire()',
  async make() {
    const limiter = await plentiful()
    const lease = limiter.lease({ size: 64 })
    return () => lease.tryAcquire()
  },
}

const allowedBoth: SyncCase = {
  ...allowed,
  id: 'amorsize/all',
  subject: 'amorsize, two limits at once',
  call: 'both.tryAcquire({ rpm: 1, tpm: 1200 })',
  async make() {
    const { RateLimiter } = await import('../index.js')
    const plenty = { requestsPerSecond: PLENTY, burstSize: PLENTY }
    const both = RateLimiter.all({ rpm: plenty, tpm: { requestsPerSecond: 1000 * PLENTY, burstSize: 1000 * PLENTY } })
    return () => both.tryAcquire({ rpm: 1, tpm: 1200 }) !== false
  },
}

const denied: SyncCase = {
  ...allowed,
  id: 'amorsize/denied',
  path: 'denied',
  async make() {
    const limiter = await drained()
    return () => limiter.tryAcquire()
  },
}

const awaited: AsyncCase = {
  ...allowed,
  id: 'amorsize/await',
  call: 'await limiter.acquire()',
  path: 'await',
  async make() {
    const limiter = await plentiful()
    return () => limiter.acquire()
  },
}

const awaitedDenied: AsyncCase = {
  ...awaited,
  id: 'amorsize/await-denied',
  path: 'await-denied',
  async make() {
    const limiter = await drained()
    return () => limiter.acquire()
  },
}

/** The same case without the addon. */
function onTwin<C extends BenchCase>(benchCase: C): C {
  return {
    ...benchCase,
    id: benchCase.id.replace('amorsize/', 'amorsize-twin/'),
    subject: 'amorsize without addon',
    env: { AMORSIZE_NATIVE: '0' },
  }
}

/** The package's own cases. */
export const ourCases: readonly BenchCase[] = [
  allowed,
  allowedTokens,
  leased,
  allowedBoth,
  denied,
  awaited,
  awaitedDenied,
  onTwin(allowed),
  onTwin(denied),
  onTwin(awaited),
]

const resolvedPromise: AsyncCase = {
  id: 'floor/await',
  subject: 'a resolved promise',
  call: 'await promise',
  package: null,
  role: 'floor',
  path: 'await',
  make() {
    const promise = Promise.resolve()
    return Promise.resolve(() => promise)
  },
}

const clockRead: SyncCase = {
  id: 'floor/performance-now',
  subject: 'reading the clock',
  call: 'performance.now()',
  package: null,
  role: 'floor',
  path: 'allowed',
  make: () => Promise.resolve(() => performance.now() > 0),
}

/** What no limiter that awaits, or that reads the clock through JavaScript, can be faster than. */
export const floorCases: readonly BenchCase[] = [resolvedPromise, clockRead]
