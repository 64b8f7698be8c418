// Refuses to publish a package that lacks a prebuild, holds one of other sources, or is too large. Run by `npm publish`.
import { mostUnpackedBytes, unpackedBytes } from './support/packed.mjs'
import { faultsOf, sourcesHash } from './support/prebuilds.mjs'
import { targets } from './support/targets.mjs'

const hash = sourcesHash()
const faults = Object.keys(targets).flatMap((name) => faultsOf(name, hash))
const unpacked = await unpackedBytes()
if (unpacked > mostUnpackedBytes)
  faults.push(`the package unpacks to ${unpacked} bytes, more than ${mostUnpackedBytes}`)
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else
  console.log(
    `prebuilds of ${Object.keys(targets).join(', ')} are there and match the sources; unpacked ${unpacked} bytes`,
  )
