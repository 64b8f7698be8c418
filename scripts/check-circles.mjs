// Checks that no files of src/ import each other in a circle: whoever reads one of them would have to read all.
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { circlesIn } from './support/circles.mjs'
import { root } from './support/project.mjs'

/** Circles that are still to be opened. Each line goes with its circle: one that is gone is a fault, too. */
const known = [
  'src/rate-limit/keyed-rate-limiter.ts, src/rate-limit/rate-limiter.ts',
  'src/execute/lanes/lost-items.ts, src/execute/lanes/worker-lane.ts, src/execute/lanes/workforce.ts',
]

const sources = new Map()
for (const file of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
  if (!file.name.endsWith('.ts')) continue
  const path = join(file.parentPath, file.name)
  sources.set(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'))
}
const found = circlesIn(sources).map((circle) => circle.join(', '))
const faults = [
  ...found.filter((circle) => !known.includes(circle)).map((circle) => `a circle of imports: ${circle}`),
  ...known
    .filter((circle) => !found.includes(circle))
    .map((circle) => `no circle any more, or another one; take it out of scripts/check-circles.mjs: ${circle}`),
]
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
