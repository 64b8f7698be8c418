// Refuses to publish a package that lacks a prebuild, or holds one of other sources. Run by `npm publish`.
import { faultsOf, sourcesHash } from './support/prebuilds.mjs'
import { targets } from './support/targets.mjs'

const hash = sourcesHash()
const faults = Object.keys(targets).flatMap((name) => faultsOf(name, hash))
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else console.log(`prebuilds of ${Object.keys(targets).join(', ')} are there and match the sources`)
