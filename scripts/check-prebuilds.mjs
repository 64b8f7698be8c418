// Refuses to publish a package that lacks a prebuild, or holds one of other sources. Run by `npm publish`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { faultsOf, requiredPlatforms, sourcesHash } from './support/prebuilds.mjs'
import { root } from './support/project.mjs'

const folder = join(root, 'prebuilds')
const present = existsSync(folder) ? readdirSync(folder) : []
const hash = sourcesHash()
const faults = [...new Set([...requiredPlatforms, ...present])].flatMap((platform) => faultsOf(platform, hash))

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else console.log(`prebuilds of ${[...new Set([...requiredPlatforms, ...present])].join(', ')} are there and match the sources`)
