// What a request by fetch costs with and without policies around it.
import { policyFetch } from '../../dist/bundle/http.js'
import { PLENTY } from '../support/limits.mjs'

const limit = { requestsPerSecond: PLENTY, burstSize: PLENTY }
const retry = { maxRetries: 3 }
const breaker = { failureThreshold: 5 }
const timeoutMs = 10_000

const BARE = 'fetch'
const WITH_SIGNAL = 'fetch with AbortSignal.timeout'

/** Ways to send; `against` is the one it is compared with, and `isTarget` whether that ratio is one that was set out. */
export const senders = [
  { id: BARE, against: BARE, make: () => fetch },
  { id: 'policyFetch', against: BARE, isTarget: true, make: () => policyFetch() },
  { id: 'policyFetch with a limit', against: BARE, isTarget: true, make: () => policyFetch({ limit }) },
  {
    id: 'policyFetch with limit, retry and breaker',
    against: BARE,
    make: () => policyFetch({ limit, retry, breaker }),
  },
  { id: WITH_SIGNAL, against: BARE, make: () => (url) => fetch(url, { signal: AbortSignal.timeout(timeoutMs) }) },
  {
    id: 'policyFetch with limit, retry, breaker and a time-out',
    against: WITH_SIGNAL,
    make: () => policyFetch({ limit, retry, breaker, timeoutMs }),
  },
  {
    id: 'policyFetch with a bulkhead, which watches the body',
    against: BARE,
    make: () => policyFetch({ bulkhead: { maxConcurrent: 100 } }),
  },
]
