// A program whose workers keep connections, clients and a log open. It is to end by itself. ORIGIN and PORT in its environment.
import { bulkhead, execute, retry, task } from 'amorsize'

const { ORIGIN: origin, PORT } = process.env
const named = (name) => task(new URL('../tasks/requests.mjs', import.meta.url), name)
const items = Array.from({ length: 40 }, (_, n) => ({ origin, path: `/${n}`, kind: 'ioredis', port: Number(PORT), n }))
const options = { mode: 'threads', workers: 2, mainThread: false }
const results = []
for (const name of ['axiosTask', 'kyTask', ...(PORT === undefined ? [] : ['counted'])])
  results.push(execute(named(name), items, options))
results.push(execute(named('withUndici'), items, { ...options, policies: [retry(), bulkhead({ maxConcurrent: 8 })] }))
process.stdout.write(`${(await Promise.all(results)).flat().length}\n`)
