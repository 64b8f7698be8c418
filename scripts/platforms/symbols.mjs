// Looks into each prebuilt addon: prints what it asks of its system, and judges it as a publication would.
import { existsSync, readFileSync } from 'node:fs'
import { readBinary } from '../support/binary.mjs'
import { faultsOf, pathOf, sourcesHash } from '../support/prebuilds.mjs'
import { ofNode, targets } from '../support/targets.mjs'

/** @returns {Promise<{ passed: number, failed: number }>} one for each target */
export async function symbols() {
  const hash = sourcesHash()
  let failed = 0
  for (const name of Object.keys(targets)) {
    if (existsSync(pathOf(name))) show(name, readFileSync(pathOf(name)))
    const faults = faultsOf(name, hash)
    for (const fault of faults) console.error(`FAIL ${fault}`)
    if (faults.length > 0) failed++
  }
  return { passed: Object.keys(targets).length - failed, failed }
}

function show(name, bytes) {
  const { needed, asked, offered, versions } = readBinary(bytes)
  const ofSystem = asked.filter((symbol) => !ofNode.test(symbol)).sort()
  console.log(`${name}: ${(bytes.length / 1024).toFixed(0)} KiB, ${asked.length - ofSystem.length} functions of Node`)
  console.log(
    `  libraries: ${needed.join(', ') || 'none'}${versions.length > 0 ? ` (${versions.sort().join(', ')})` : ''}`,
  )
  console.log(`  asked of them: ${ofSystem.join(' ') || 'nothing'}`)
  console.log(`  offered: ${offered.length > 10 ? `${offered.length} names` : offered.join(' ')}`)
}
