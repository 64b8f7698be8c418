// Counts what one limit admits over several cluster workers: node cluster-case.mjs <subject id> <workers> <limit> <requests>
import cluster from 'node:cluster'
import { Agent, get } from 'node:http'
import { reportToParent } from '../../dist/cli/child-process.js'
import { removeNames } from '../support/machine-names.mjs'
import { nextMessage } from '../support/messages.mjs'
import { start } from './frameworks.mjs'
import { limitOf } from './subjects.mjs'

const AT_ONCE = 40

async function admitted(id, count, max, requests) {
  const name = `bench-${process.pid}`
  const workers = Array.from({ length: count }, () =>
    cluster.fork({ BENCH_SUBJECT: id, BENCH_MAX: max, BENCH_NAME: name }),
  )
  try {
    const ports = await Promise.all(workers.map(nextMessage))
    // Without keep-alive the cluster hands each connection to the next worker.
    const agent = new Agent({ keepAlive: false, maxSockets: AT_ONCE })
    const statuses = await Promise.all(Array.from({ length: requests }, () => ask(ports[0], agent)))
    const wrong = statuses.find((status) => status !== 200 && status !== 429)
    if (wrong !== undefined) throw new Error(`${id} answered ${wrong}`)
    return statuses.filter((status) => status === 200).length
  } finally {
    for (const worker of workers) worker.process.kill()
    removeNames((own) => own.startsWith(`${name}%`))
  }
}

function ask(port, agent) {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
}

if (cluster.isPrimary) {
  const [id, ...numbers] = process.argv.slice(2)
  await reportToParent(() => admitted(id, ...numbers.map(Number)))
} else {
  const { BENCH_SUBJECT: id, BENCH_MAX: max, BENCH_NAME: name } = process.env
  // In a cluster all workers listen where the first one does.
  process.send(await start(id.split(', ')[0], limitOf(id, { max: Number(max), windowMs: 3_600_000, name })))
}
