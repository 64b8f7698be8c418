// Joins the modules of each entry point into a few files in dist/bundle, and puts the declarations they need into dist/types:
// that is what the package ships. Node spends a fraction of a millisecond on every module it loads; dozens of small ones would make `import 'amorsize'` slow.
//
// All files of dist/bundle lie side by side, two levels below the package's root like dist/internal, and what is started by
// its URL (worker threads, processes of `amorsize bench`) is joined into a file of its own name there, so `new URL('./x.js', import.meta.url)` holds in both.
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { build } from 'esbuild'
import { copyDeclarations } from './support/declarations.mjs'
import { manifest, root } from './support/project.mjs'

const dist = join(root, 'dist')
const bundle = join(dist, 'bundle')
rmSync(bundle, { recursive: true, force: true })

const types = join(dist, 'types')
rmSync(types, { recursive: true, force: true })

const entryPoints = {}
const declarations = []
for (const entry of Object.values(manifest.exports)) {
  const target = entry.default
  if (target === undefined) continue // ./package.json
  // './dist/bundle/system.js' is made of dist/system/index.js; its types are './dist/types/system/index.d.ts'.
  const declaration = join(dist, relative(types, join(root, entry.types)))
  declarations.push(declaration)
  entryPoints[basename(target, '.js')] = declaration.replace(/\.d\.ts$/, '.js')
}
copyDeclarations(declarations, dist, types)

// The command line; bin names it.
for (const target of Object.values(manifest.bin)) entryPoints[basename(target, '.js')] = join(dist, 'cli', 'main.js')

const startedByUrl = /new URL\('\.\/([\w-]+)\.js', import\.meta\.url\)/g
for (const file of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!file.name.endsWith('.js')) continue
  for (const [, name] of readFileSync(join(file.parentPath, file.name), 'utf8').matchAll(startedByUrl)) {
    if (name in entryPoints) throw new Error(`two files would be dist/bundle/${name}.js`)
    entryPoints[name] = join(file.parentPath, `${name}.js`)
  }
}

await build({
  entryPoints,
  outdir: bundle,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  keepNames: true, // an error's name is its class's
  minifyWhitespace: true, // names stay, so that a stack trace can be read
  minifySyntax: true,
  chunkNames: 'shared-[hash]',
  logLevel: 'warning',
})
