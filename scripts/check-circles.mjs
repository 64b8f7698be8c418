// Checks that no files of src/ import each other in a circle: whoever reads one of them would have to read all.
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { circlesIn } from './support/circles.mjs'
import { root } from './support/project.mjs'

const sources = new Map()
for (const file of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
  if (!file.name.endsWith('.ts')) continue
  const path = join(file.parentPath, file.name)
  sources.set(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'))
}
const circles = circlesIn(sources)
for (const circle of circles) console.error(`a circle of imports: ${circle.join(', ')}`)
if (circles.length > 0) process.exitCode = 1
