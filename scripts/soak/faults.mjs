// Plants each fault of test/simulation/faults.mjs and looks for it: the proof that the simulation can find what it is for. Needs Zig.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faults } from '../../test/simulation/faults.mjs'
import { replaced } from '../../test/simulation/library.mjs'
import { firstFailing, loadParts, seedsFrom } from '../../test/simulation/simulate.mjs'
import { root } from '../support/project.mjs'
import { buildWasm } from '../support/wasm.mjs'
import { installZig } from '../support/zig.mjs'

const MOST_SEEDS = 10_000
const FIRST_SEED = 1

const wanted = process.argv.slice(2)
const work = join(root, '.tmp', `faults-${process.pid}`)
let missed = 0
let foundCount = 0
await installZig()
const withoutFault = await loadParts()
for (const fault of faults.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const startMs = performance.now()
  const parts = await loadParts(await planted(fault))
  const seed = await firstFailing(seedsFrom(FIRST_SEED, MOST_SEEDS), parts)
  if (seed !== undefined && (await firstFailing([seed], withoutFault)) !== undefined)
    throw new Error(`seed ${seed} fails without the fault, too: npm run simulate -- --seed ${seed}`)
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
  console.log(`${fault.name.padEnd(48)} ${seed === undefined ? 'NOT FOUND' : `seed ${seed}`}  (${seconds} s)`)
  if (seed === undefined) missed++
  else foundCount++
}
rmSync(work, { recursive: true, force: true })
console.log(`${foundCount} passed, ${missed} failed`)
process.exitCode = missed === 0 ? 0 : 1

async function planted(fault) {
  if (fault.file.startsWith('dist/')) return { faults: [fault] }
  rmSync(work, { recursive: true, force: true })
  cpSync(join(root, 'native'), join(work, 'native'), { recursive: true })
  const path = join(work, fault.file)
  writeFileSync(path, replaced(readFileSync(path, 'utf8'), fault))
  return { core: await buildWasm({ from: work, defines: ['AMORSIZE_SIMULATED'], work: join(work, 'objects') }) }
}
