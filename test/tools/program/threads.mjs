// Six items in two workers under a limit of four that both share, one at a time: the program of workers, the addon and policies must all be
// found there, and the workers must wake each other.
import { bulkhead, execute, rateLimit } from 'amorsize'

const limit = rateLimit({ name: 'four', requestsPerSecond: 1e-3, burstSize: 4, waitOnLimit: false })
const slot = bulkhead({ name: 'one', maxConcurrent: 1 })

async function main() {
  let hasWorkers = false
  const settled = await execute((n) => new Promise((resolve) => setTimeout(resolve, 50, n * 2)), [1, 2, 3, 4, 5, 6], {
    mode: 'threads',
    workers: 2,
    mainThread: false,
    policies: [limit, slot],
    onError: 'collect',
    hooks: { onWorkerStart: () => void (hasWorkers = true) },
  })
  const done = settled.filter(({ status }) => status === 'fulfilled').length
  console.log(JSON.stringify([done, settled.length - done, Number(hasWorkers)]))
}

void main()
