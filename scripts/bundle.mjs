// Joins the modules of each entry point into a few files in dist/bundle, and its declarations into dist/types:
// that is what the package ships. Node spends a fraction of a millisecond on every module it loads; dozens of small ones would make `import 'amorsize'` slow.
//
// All files of dist/bundle lie side by side, two levels below the package's root like dist/internal, and what is started by
// its URL (worker threads, processes of `amorsize bench`) is joined into a file of its own name there, so `new URL('./x.js', import.meta.url)` holds in both.
import { appendFileSync, chmodSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { rollup } from 'rollup'
import { minify } from 'terser'
import stamp from '../native/binding/stamp.cjs'
import { joinBenchChild } from './support/bench-child.mjs'
import { joinDeclarations } from './support/declarations.mjs'
import { manifest, root } from './support/project.mjs'
import { mustRun } from './support/run.mjs'
import { mapsOfModules, smallMaps } from './support/source-maps.mjs'

/** Names of functions and classes stay: an error has its class's, and a stack trace can be read. */
const names = { keep_classnames: true, keep_fnames: true }
/** An error that nobody catches shows its line of code: none may be as long as the file. One letter beyond ASCII makes V8 keep two bytes for each. */
const format = { max_line_len: 200, ascii_only: true, comments: /webpackIgnore|@vite-ignore/ }
/** A function that is called in one place stays where it is: put there, it would be made anew by each call. */
const minified = { mangle: names, compress: { ...names, reduce_funcs: false }, format }

const dist = join(root, 'dist')
const inWorkers = join(dist, 'execute', 'worker')
const workerProgram = join(inWorkers, 'program.js')

const startedByUrl = /new URL\('\.\/([\w-]+)\.js', import\.meta\.url\)/g

/** A worker is CommonJS, which spares it the wait for Node's loader of ES modules. */
const startsCommonJs = {
  name: 'starts-commonjs',
  // Of the same length but for a letter at the end of its line: the map still holds.
  transform: (code) => ({
    code: code.replace("new URL('./execute-worker.js'", "new URL('./execute-worker.cjs'"),
    map: null,
  }),
}

/** What an entry reads at the first call: the export it stands in, the file it is in then, and what it takes. */
const lateExports = {
  index: [/^export \{ (.+) \} from '\.\/execute\/index\.js'/m, 'scheduler', 'task, items, options'],
  testing: [/^export \{ (.+) \} from '\.\/chaos\.js'/m, 'chaos', 'options'],
}

/** These give promises, which reject if there is no file descriptor left to read with. */
const promising = new Set(['execute', 'optimize'])
const orReject = `try { read() } catch (error) {
  return Promise.reject(new ExecutionError('the scheduler cannot be read: ' + error.message, { errors: [error], results: [], deadLetter: null }))
}`

/** What begins runs is read with the scheduler, chaos with the policies: to require it takes no turn, so a call keeps what it promises at once. */
const readsLate = {
  name: 'reads-late',
  transform(code, id) {
    const entry = Object.keys(lateExports).find((name) => id === entryPoints[name])
    if (entry === undefined) return null
    const [exported, file, args] = lateExports[entry]
    // Kept, since a test runner may have emptied Node's cache of modules by the next call.
    const read = `let late; const read = () => (late ??= require('./${file}.cjs'))`
    const late = (name) =>
      `export function ${name}(${args}) { ${promising.has(name) ? orReject : ''} return read().${name}(${args}) }`
    if (!exported.test(code)) throw new Error(`${id} does not export what is read late`)
    const lines = (_, names) => [read, ...names.split(', ').map(late)].join('; ')
    return {
      code: `import { ExecutionError } from ${JSON.stringify(join(dist, 'errors.js'))}\n${code.replace(exported, lines)}`,
      map: null,
    }
  },
}

/** Where a bundler puts the program of workers, it alone knows. */
const findsBundledProgram = {
  name: 'finds-bundled-program',
  load: (id) => (id === workerProgram ? `export * from './bundled-program.js'` : null),
}

/** Rollup's own would ask for a document first, and some programs for Node bring one along. */
const metaOfCommonJs = {
  name: 'meta-of-commonjs',
  resolveImportMeta: (property) =>
    ({
      // ncc makes ES modules of this, which have no name of their file.
      url: "(typeof __filename === 'string' ? require('node:url').pathToFileURL(__filename).href : undefined)",
      dirname: '__dirname',
    })[property] ?? null,
}

/** Jest runs what is CommonJS without `import()`. What is known here is CommonJS, too, and is required; the rest is the user's. */
const importsTheUsers = {
  name: 'imports-the-users',
  renderDynamicImport: ({ targetModuleId }) => (targetModuleId === null ? { left: 'import(', right: ')' } : null),
}

const minifying = { name: 'minify', renderChunk: (source, { fileName }) => minifyChunk(source, fileName, minified) }
/** A bundler's own minifier takes the names of functions as well. */
const minifiedMore = {
  mangle: { keep_classnames: true },
  compress: { keep_classnames: true, reduce_funcs: false },
  format,
}
const minifyingMore = {
  name: 'minify-more',
  renderChunk: (source, { fileName }) => minifyChunk(source, fileName, minifiedMore),
}

/** A Node that is too old says so in one sentence. It stands before anything is loaded that asks for more. */
const needsNode = ({ name, isEntry }) => {
  if (!isEntry) return ''
  const sentence =
    "'amorsize needs Node 20.19 or later, or 22.3 or later of Node 22; this is Node ' + process.versions.node"
  const refuse = name === 'cli' ? `console.error(${sentence}), process.exit(1)` : `throw new Error(${sentence})`
  return `if (process.getBuiltinModule === undefined) { ${refuse} }`
}

/** Without the mark of ES modules that were compiled, which some loaders take for a default export. */
const commonJs = {
  format: 'cjs',
  dynamicImportInCjs: false,
  sourcemap: true,
  sourcemapExcludeSources: true,
  esModule: false,
  entryFileNames: '[name].cjs',
  chunkFileNames: 'shared-[hash].cjs',
  plugins: [metaOfCommonJs, importsTheUsers, minifying, smallMaps],
}

putStamp(join(dist, 'internal', 'stamp.js'))

const bundle = join(dist, 'bundle')
rmSync(bundle, { recursive: true, force: true })

const types = join(dist, 'types')
rmSync(types, { recursive: true, force: true })

const entryPoints = {}
const declarations = {}
for (const entry of Object.values(manifest.exports)) {
  if (entry.import === undefined) continue // ./package.json, and ./worker, which nobody imports
  const name = basename(entry.import.default, '.js')
  const source = name === 'index' ? join(dist, 'index') : join(dist, name, 'index')
  entryPoints[name] = `${source}.js`
  declarations[name] = `${source}.d.ts`
}
await joinDeclarations(declarations, types)

// Sources are for those few whom no prebuild fits: packed, they take a fifth of the room.
await mustRun('tar', ['-czf', join('dist', 'native.tgz'), '--exclude=native/wasm', 'binding.gyp', 'native'], {
  cwd: root,
  quiet: true,
})

// What `amorsize bench` measures, and how, lies in bench/: the processes that it starts run one file of it.
await joinBenchChild(join(dist, 'cli', 'bench', 'bench-child.js'))

// The command line; bin names it.
for (const target of Object.values(manifest.bin)) entryPoints[basename(target, '.cjs')] = join(dist, 'cli', 'main.js')
entryPoints.scheduler = join(dist, 'execute', 'index.js')
entryPoints.chaos = join(dist, 'testing', 'chaos.js')

for (const file of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  // What this one starts, a bundler makes.
  if (!file.name.endsWith('.js') || file.name === 'bundled-program.js') continue
  for (const [, name] of readFileSync(join(file.parentPath, file.name), 'utf8').matchAll(startedByUrl)) {
    if (name in entryPoints) throw new Error(`two files would be dist/bundle/${name}.js`)
    entryPoints[name] = join(file.parentPath, `${name}.js`)
  }
}

// What Node loads is CommonJS: `require` takes it as it is, and what `import` takes is a thin module around it, so both share one state.
// A worker is joined on its own, with copies of the little it needs: its start is waited for, and should not read the whole package. Only
// policies, which few runs have, and the parser of captured variables it takes from what is already there.
const worker = join(inWorkers, 'execute-worker.js')
const { 'bench-child': benchChild, ...others } = entryPoints
const policiesOfWorker = join(inWorkers, 'policies.js')
const analysis = join(dist, 'execute', 'transfer', 'captured-variables.js')
const apart = { [analysis]: './captured-variables.cjs', [policiesOfWorker]: './worker-policies.cjs' }
await joinAll(
  { ...others, 'worker-policies': policiesOfWorker },
  { ...commonJs, intro: needsNode, manualChunks: inFewFiles, paths: apart },
  [analysis],
  [mapsOfModules, startsCommonJs, readsLate],
)
await joinAll({ 'execute-worker': worker, 'captured-variables': analysis }, { ...commonJs, paths: apart }, [
  policiesOfWorker,
])

for (const name of Object.keys(declarations)) {
  const names = Object.keys(createRequire(import.meta.url)(join(bundle, `${name}.cjs`))).sort()
  writeFileSync(
    join(bundle, `${name}.js`),
    `import core from './${name}.cjs'\nexport const { ${names.join(', ')} } = core\n`,
  )
}

// The processes of `amorsize bench` import the package as its users do.
const index = join(dist, 'index.js')
await joinAll({ 'bench-child': benchChild }, { chunkFileNames: 'bench-[hash].js', paths: { [index]: './index.js' } }, [
  index,
])

// What bundlers take, for `import` and `require` alike, is ES modules throughout. The program of workers is among them: a bundler makes one of its own.
const forBundlers = Object.keys(declarations).map((name) => [`${name}.bundler`, entryPoints[name]])
await joinAll(
  { ...Object.fromEntries(forBundlers), 'amorsize-worker': worker },
  { chunkFileNames: 'bundler-[hash].js', plugins: [minifyingMore] },
  [],
  [findsBundledProgram],
)

// Tools that copy what a program needs follow these (Nitro, Next.js and others, by nft); they are never called, and bundlers leave them out. Nitro
// finds what bundlers take, and leaves the import to Node, which takes the other; and a worker's program is asked for by a URL. Rspack warns of it
// unless it comes behind a return.
for (const name of Object.keys(declarations))
  appendFileSync(join(bundle, `${name}.bundler.js`), `;()=>{return;import.meta.resolve('./${name}.js')}\n`)
for (const file of readdirSync(bundle).filter((one) => one.endsWith('.cjs'))) {
  const path = join(bundle, file)
  const code = readFileSync(path, 'utf8')
  if (file === 'execute-worker.cjs' || !code.includes('execute-worker.cjs')) continue
  writeFileSync(
    path,
    code.replace(/(?=\/\/# sourceMappingURL=\S+\s*$)/, "()=>require.resolve('./execute-worker.cjs')\n"),
  )
}

// The manual page says what the program accepts, in the program's own words.
const cli = (name) => import(join(dist, 'cli', `${name}.js`))
const [{ createProgram }, { commandTree }, { manPage }] = await Promise.all(
  ['program', 'command-tree', 'man-page'].map(cli),
)
writeFileSync(join(bundle, 'amorsize.1'), manPage(commandTree(createProgram()), manifest.version))

// npm does so where the package is installed; in a clone, npx runs the file as it is.
for (const target of Object.values(manifest.bin)) chmodSync(join(root, target), 0o755)

/** Which addon the compiled files fit. */
function putStamp(file) {
  const code = readFileSync(file, 'utf8')
  // What was compiled before has one already.
  const place = /STAMP = '[0-9a-f]*'/
  if (!place.test(code)) throw new Error(`${file} has no place for the stamp`)
  writeFileSync(file, code.replace(place, `STAMP = '${stamp}'`))
}

/** Each file that Node loads costs half a millisecond, and each room that the program does not need more: a file for each that somebody needs alone. */
function inFewFiles(id, { getModuleInfo }) {
  if (getModuleInfo(id).isEntry) return undefined
  const needs = (entry) => importedBy(entry, getModuleInfo).has(id)
  if (needs('system') || (needs('testing') && needs('limiter'))) return 'shared-base'
  const room = ['limiter', 'index', 'scheduler'].find(needs)
  return room && `shared-${room}`
}

/** The modules that an entry point needs to begin with. */
function importedBy(entry, getModuleInfo) {
  const found = new Set([entryPoints[entry]])
  for (const id of found)
    for (const imported of getModuleInfo(id).importedIds) if (isOurs(imported)) found.add(imported)
  return found
}

async function joinAll(input, output, alsoExternal = [], plugins = [mapsOfModules, startsCommonJs]) {
  const joined = await rollup({
    input,
    plugins,
    external: (id, from) => !isOurs(id) || alsoExternal.includes(from === undefined ? id : join(dirname(from), id)),
    onLog(level, log, report) {
      // The compiler's helper for `using` asks for it, and goes without.
      if (log.code !== 'THIS_IS_UNDEFINED') report(level === 'warn' ? 'error' : level, log)
    },
  })
  await joined.write({ dir: bundle, chunkFileNames: 'shared-[hash].js', plugins: [minifying], ...output })
  await joined.close()
}

async function minifyChunk(source, fileName, options) {
  // The minifier writes into what it is given.
  return minify(source, {
    ...structuredClone(options),
    module: fileName.endsWith('.js'),
    toplevel: true,
    sourceMap: { asObject: true },
  })
}

function isOurs(id) {
  return id.startsWith('.') || isAbsolute(id)
}
