// Builds native/wasm/core.cjs, the addon's code as WebAssembly, for where no addon can be loaded, and test/simulation/core.cjs, the same with the
// word of the simulation: `npm run prebuild -- wasm`. Both are committed, so that a clone needs no Zig: after a change of native/ they are built anew.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import stamp from '../native/binding/stamp.cjs'
import { root } from './support/project.mjs'
import { buildWasm, sourcesOfWasm } from './support/wasm.mjs'
import { installZig } from './support/zig.mjs'

await installZig()
for (const [folder, defines] of Object.entries({ 'native/wasm': [], 'test/simulation': ['AMORSIZE_SIMULATED'] })) {
  const module = await buildWasm({ defines })
  const packed = brotliCompressSync(module).toString('base64')
  writeFileSync(
    join(root, folder, 'core.cjs'),
    `// native/binding and native/core as WebAssembly, made by \`npm run prebuild -- wasm\`.
exports.sources = '${sourcesOfWasm()}'
exports.stamp = '${stamp}'
exports.bytes = () => require('node:zlib').brotliDecompressSync(Buffer.from('${packed}', 'base64'))
`,
  )
  console.log(`${folder}: ${(module.length / 1024).toFixed(0)} KiB, ${(packed.length / 1024).toFixed(0)} KiB packed`)
}
