// Servers that are measured, in one process: node server-program.mjs <most requests per window> <subject id> [subject id …]
// It tells their ports, and what processor time it has taken whenever it is asked.
import { cpuUs } from '../support/cpu-time.mjs'
import { start } from './frameworks.mjs'
import { limitOf } from './subjects.mjs'

const [max, ...ids] = process.argv.slice(2)
const ports = []
for (const id of ids) ports.push(await start(id.split(', ')[0], limitOf(id, { max: Number(max), windowMs: 3_600_000 })))

process.on('message', () => process.send({ cpuUs: cpuUs() }))
process.on('disconnect', () => process.exit())
process.send({ ports })
