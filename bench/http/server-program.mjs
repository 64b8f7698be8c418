// A server that is measured: node server-program.mjs <subject id> <most requests per window> [name]
// It tells its port, and what processor time it has taken whenever it is asked.
import { start } from './frameworks.mjs'
import { limitOf } from './subjects.mjs'

const [id, max, name] = process.argv.slice(2)
const framework = id.split(', ')[0]
const port = await start(framework, limitOf(id, { max: Number(max), windowMs: 3_600_000, name }))

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpuUs: user + system })
})
process.on('disconnect', () => process.exit())
process.send({ port })
