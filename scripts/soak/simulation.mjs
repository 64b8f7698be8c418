// A million programs of the simulation, from another seed each time: AMORSIZE_SEED and AMORSIZE_SEEDS say others.
import { inProcesses, seedFrom } from '../../test/simulation/simulate.mjs'

const { AMORSIZE_SEED: seed = String(Date.now() % 2 ** 31), AMORSIZE_SEEDS: seeds = '1000000' } = process.env
const first = seedFrom('seed', seed)
const count = seedFrom('count', seeds, 1)
console.log(`${count} programs from seed ${first} on`)
const failures = await inProcesses(first, count)
for (const failure of failures) console.log(failure)
console.log(`${count - failures.length} passed, ${failures.length} failed`)
process.exitCode = failures.length === 0 ? 0 : 1
