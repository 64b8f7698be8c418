// Parses every JavaScript file of node_modules. Some are not valid: they fail and go to the dead letters, and the others continue.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { parse } from 'acorn' // npm install acorn
import { execute, task } from 'amorsize'

/** Counts the statements and comments of one file. */
export function parseFile(path) {
  const source = readFileSync(path, 'utf8')
  const comments = []
  const options = { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true, onComment: comments }
  let program
  try {
    program = parse(source, { ...options, sourceType: 'module' })
  } catch {
    comments.length = 0
    program = parse(source, { ...options, sourceType: 'script' })
  }
  return { path, statements: program.body.length, comments: comments.length }
}

async function main() {
  const entries = readdirSync('node_modules', { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && /\.[cm]?js$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  const deadLetter = join(tmpdir(), `unparsable-${process.pid}.ndjson`)
  const start = performance.now()
  const outcomes = await execute(task(import.meta.url, 'parseFile'), files, {
    onError: 'collect',
    deadLetter,
    progress: true,
  })
  const ms = performance.now() - start

  const parsed = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  const statements = parsed.reduce((sum, file) => sum + file.statements, 0)
  console.log(
    `parsed ${parsed.length} of ${files.length} files in ${ms.toFixed(0)} ms: ${statements} statements at their top level`,
  )
  const letters = readFileSync(deadLetter, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  for (const { item, error } of letters.slice(0, 3)) console.log(`  not parsed: ${item}: ${error.message}`)
  rmSync(deadLetter)
}

// Not awaited here: execute imports this module by its URL, and an import waits until the module's own top level has ended.
if (isMainThread && process.argv[1]?.endsWith('parse-files.mjs')) void main()
