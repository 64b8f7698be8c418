// Compares the addon that was compiled on this machine (build/) with the prebuilt one for it: the same version, the same functions, the same
// answers about the system. With --use the prebuilt one takes the other's place, so that every suite runs on it.
import { cpSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { hostTarget, pathOf } from './support/prebuilds.mjs'
import { root } from './support/project.mjs'

const { values } = parseArgs({ options: { use: { type: 'boolean', default: false } } })
const built = join(root, 'build', 'Release', 'amorsize.node')
const prebuilt = pathOf(hostTarget)
for (const file of [built, prebuilt]) if (!existsSync(file)) throw new Error(`${file} is missing`)

const load = createRequire(import.meta.url)
const [ours, theirs] = [built, prebuilt].map((file) => load(file))
const namesOf = (addon) => Object.keys(addon).sort()
const faults = []
for (const mark of ['version', 'stamp'])
  if (ours[mark] !== theirs[mark]) faults.push(`${mark} ${ours[mark]} here, ${theirs[mark]} prebuilt`)
const names = new Set([...namesOf(ours), ...namesOf(theirs)])
for (const name of names)
  if (typeof ours[name] !== typeof theirs[name])
    faults.push(`${name} is ${typeof ours[name]} here, ${typeof theirs[name]} prebuilt`)
// What a process uses changes between two looks; what it may use does not.
const [ourCpu, theirCpu] = [ours, theirs].map((addon) => addon.systemInfo?.().cpu)
if (!isDeepStrictEqual(ourCpu, theirCpu))
  faults.push(`cpu ${JSON.stringify(ourCpu)} here, ${JSON.stringify(theirCpu)} prebuilt`)

for (const fault of faults) console.error(`${hostTarget}: ${fault}`)
if (faults.length > 0) process.exitCode = 1
else console.log(`${hostTarget}: the prebuilt addon has the ${names.size} names of the one that was compiled here`)
if (values.use && faults.length === 0) cpSync(prebuilt, built)
