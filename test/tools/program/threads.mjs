// Six items in two workers under a limit of four that both share: the program of workers, the addon and policies must all be found there.
import { execute, rateLimit } from 'amorsize'

const limit = rateLimit({ name: 'four', requestsPerSecond: 1e-3, burstSize: 4, waitOnLimit: false })

async function main() {
  let hasWorkers = false
  const settled = await execute((n) => n * 2, [1, 2, 3, 4, 5, 6], {
    mode: 'threads',
    workers: 2,
    mainThread: false,
    policies: [limit],
    onError: 'collect',
    hooks: { onWorkerStart: () => void (hasWorkers = true) },
  })
  const done = settled.filter(({ status }) => status === 'fulfilled').length
  console.log(JSON.stringify([done, settled.length - done, Number(hasWorkers)]))
}

void main()
