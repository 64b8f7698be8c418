// `npm run simulate -- --seed N [--count N]`: runs the simulation of test/simulation with these seeds. Of the first that fails it prints the smallest
// program that does, and what happened.
import { parseArgs } from 'node:util'
import { firstFailing, loadParts, report, seedFrom, seedsFrom, tally } from '../test/simulation/simulate.mjs'

try {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string', default: '1' } } })
  const first = seedFrom('seed', values.seed)
  const count = seedFrom('count', values.count, 1)
  const parts = await loadParts()
  const failing = await firstFailing(seedsFrom(first, count), parts)
  const { turns, deaths } = tally
  if (failing === undefined)
    console.log(`${count} programs from seed ${first} on, ${turns} turns, ${deaths} deaths: nothing found`)
  else console.log(report(failing, parts))
  if (failing !== undefined) process.exitCode = 1
} catch (error) {
  console.error(error instanceof RangeError || error.code?.startsWith('ERR_PARSE') ? error.message : error)
  process.exitCode = 1
}
