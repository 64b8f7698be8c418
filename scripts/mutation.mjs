// `npm run mutation`: do the tests notice when the code is wrong? Hours in all, so outside of CI; needs a build.
//   npm run mutation                                     everything named in TARGETS
//   npm run mutation -- src/rate-limit/lease.ts native/core/rate.h   some files or folders
//   npm run mutation -- --every 5 native/core            of the mutants of C++ one in five
//   npm run mutation -- --again native/core/waiters.h    of C++ only those that survived, after tests were added
//   MUTATION_TESTS='test/unit/policy/*.test.ts' npm run mutation -- src/policy/retry/backoff.ts   judged by these tests alone, without mutants of what runs while modules load
//   npm run mutation -- --table                          measures nothing: the table anew, after a change of mutation/explained.mjs
// Results go to docs/mutation.md, which keeps those of files that are not measured again.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { mutateHeader } from './mutation/native.mjs'
import { readTable, tableOf } from './mutation/table.mjs'
import { root } from './support/project.mjs'
import { run } from './support/run.mjs'

const TARGETS = ['src/rate-limit', 'src/policy', 'src/memory', 'src/execute/schedule', 'native/core']
/** Which tests judged, for the table. */
const ALL_TESTS = 'all'
const table = join(root, 'docs', 'mutation.md')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
})
const targets = positionals.length > 0 ? positionals : TARGETS.filter((path) => existsSync(join(root, path)))
const isNative = (path) => path.startsWith('native/')

const files = values.table ? [] : targets.flatMap(filesOf)
for (const file of files.filter(isNative)) {
  console.log(file)
  const judgedBy = values.every === '1' ? ALL_TESTS : `${ALL_TESTS}, one mutant in ${values.every}`
  const before = values.again ? results().get(file) : undefined
  keep([{ judgedBy, ...(await mutateHeader(file.slice('native/core/'.length), Number(values.every), before)) }])
}
const scripts = files.filter((file) => !isNative(file))
if (scripts.length > 0) keep(await mutateScripts(scripts))
if (values.table) keep([])

function filesOf(path) {
  if (statSync(join(root, path)).isFile()) return [path]
  return readdirSync(join(root, path), { recursive: true })
    .map((name) => `${path}/${name}`)
    .filter((name) => (isNative(name) ? name.endsWith('.h') : name.endsWith('.ts')))
    .sort()
}

async function mutateScripts(sources) {
  const compiled = sources.map((source) => source.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js'))
  const cli = join(root, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')
  const config = join('scripts', 'mutation', 'stryker.config.mjs')
  const { code } = await run(process.execPath, [cli, 'run', config, '--mutate', compiled.join(',')])
  if (code !== 0) throw new Error(`stryker ended with exit code ${code}`)
  const report = JSON.parse(readFileSync(join(root, 'build-mutation', 'report.json'), 'utf8'))
  return Object.entries(report.files).map(([file, { source, mutants }]) => {
    const lines = source.split('\n')
    const isKilled = ({ status }) => status === 'Killed' || status === 'Timeout'
    const isAlive = ({ status }) => status === 'Survived' || status === 'NoCoverage'
    return {
      file: file.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts'),
      killed: mutants.filter(isKilled).length,
      survivors: mutants.filter(isAlive).map(({ location, replacement, mutatorName, status }) => {
        const code = lines[location.start.line - 1].trim()
        return `${mutatorName}${status === 'NoCoverage' ? ', no test runs it' : ''}: \`${oneLine(replacement)}\` in \`${code}\``
      }),
      judgedBy:
        process.env.MUTATION_TESTS?.split(',')
          .map((path) => basename(path, '.test.ts'))
          .join(', ') ?? ALL_TESTS,
      notCompiled: mutants.filter((each) => !isKilled(each) && !isAlive(each)).length,
    }
  })
}

function oneLine(text) {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}...` : line
}

function results() {
  return readTable(existsSync(table) ? readFileSync(table, 'utf8') : '')
}

/** Adds what has been measured to the table: a run that is broken off loses one file. */
function keep(measured) {
  const all = results()
  for (const result of measured)
    all.set(result.file, { judgedBy: ALL_TESTS, ...result, measuredAt: new Date().toISOString().slice(0, 10) })
  writeFileSync(table, tableOf([...all.values()]))
}
