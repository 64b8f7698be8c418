// Refuses to publish a package that lacks a prebuild, or holds one of other sources. Run by `npm publish`.
import { existsSync, readdirSync } from 'node:fs'
import { faultsOf, prebuilds, requiredPlatforms, sourcesHash } from './support/prebuilds.mjs'

const present = existsSync(prebuilds) ? readdirSync(prebuilds) : []
const platforms = [...new Set([...requiredPlatforms, ...present])]
const hash = sourcesHash()
const faults = platforms.flatMap((platform) => faultsOf(platform, hash))

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else console.log(`prebuilds of ${platforms.join(', ')} are there and match the sources`)
