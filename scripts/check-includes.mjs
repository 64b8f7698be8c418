// Checks the import directions of the C++ sources, as eslint does for TypeScript: binding/ may include anything of ours and
// Node-API; os/ includes os/ and core/; core/ includes core/ alone and no header through which the kernel could be asked.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { faultOf, mayInclude } from './support/includes.mjs'
import { root } from './support/project.mjs'

const native = join(root, 'native')
const faults = []
for (const folder of readdirSync(native)) {
  if (!(folder in mayInclude)) faults.push(`native/${folder}: not one of ${Object.keys(mayInclude).join(', ')}`)
}
for (const folder of Object.keys(mayInclude)) {
  const path = join(native, folder)
  if (!existsSync(path)) continue
  for (const file of readdirSync(path, { recursive: true, withFileTypes: true }))
    if (file.isFile()) check(folder, join(file.parentPath, file.name))
}
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1

function check(folder, path) {
  const lines = readFileSync(path, 'utf8').split('\n')
  lines.forEach((line, i) => {
    const [, open, header] = /^\s*#\s*include\s*(["<])([^">]+)[">]/.exec(line) ?? []
    const fault = header === undefined ? null : faultOf(folder, open === '"', header)
    if (fault !== null) faults.push(`${relative(root, path)}:${i + 1}: ${fault}`)
  })
}
