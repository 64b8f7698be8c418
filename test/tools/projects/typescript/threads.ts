// As threads.mjs, with a task in a module that each thread compiles.
import { join } from 'node:path'
import { execute, rateLimit, task } from 'amorsize'

const limit = rateLimit({ name: 'four', requestsPerSecond: 1e-3, burstSize: 4, waitOnLimit: false })

async function main() {
  let hasWorkers = false
  const settled = await execute(task<number, number>(join(process.cwd(), 'double.ts'), 'double'), [1, 2, 3, 4, 5, 6], {
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
