// Checks the import directions of the C++ sources, as eslint does for TypeScript: binding/ may include anything of ours and
// Node-API; os/ includes os/ and core/; core/ includes core/ alone and no header through which the kernel could be asked.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './support/project.mjs'

const native = join(root, 'native')

/** For each folder: the folders of ours it may include. */
const mayInclude = { core: ['core'], os: ['core', 'os'], binding: ['core', 'os', 'binding'] }

/** Headers of the C++ standard library and the compiler's intrinsics, which ask the kernel nothing. */
const pure = /^(algorithm|array|atomic|bit|climits|cmath|compare|concepts|cstddef|cstdint|cstring|functional|initializer_list|iterator|limits|new|numeric|optional|span|string_view|tuple|type_traits|utility|version|immintrin\.h|intrin\.h|arm_acle\.h)$/
const nodeApi = /^(node_api|js_native_api|js_native_api_types|node_api_types|napi|napi-inl|uv|v8|node)\.h$/

const faults = []
for (const folder of readdirSync(native)) {
  if (!(folder in mayInclude)) faults.push(`native/${folder}: not one of ${Object.keys(mayInclude).join(', ')}`)
}
for (const folder of Object.keys(mayInclude)) {
  const path = join(native, folder)
  if (existsSync(path)) for (const file of readdirSync(path, { recursive: true, withFileTypes: true })) if (file.isFile()) check(folder, join(file.parentPath, file.name))
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

function faultOf(folder, quoted, header) {
  if (nodeApi.test(header)) return folder === 'binding' ? null : `native/${folder} must not include ${header}; only native/binding may`
  if (!quoted) return folder === 'core' && !pure.test(header) ? `native/core is pure and must not include <${header}>` : null
  const from = header.split('/')[0]
  if (!header.includes('/')) return `write "${folder}/${header}": every include starts at native/`
  return mayInclude[folder].includes(from) ? null : `native/${folder} must not include native/${from}`
}
