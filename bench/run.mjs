// npm run bench                     every group, in order
// npm run bench -- micro keyed      these groups
// npm run bench -- --quick          a minute a group at most: does everything work? Figures go to bench/results/quick.
//
// A group is a folder with an index.mjs, a program that runs its cases in processes of their own and writes
// bench/results/<group>.json and .md. After a full run docs/benchmarks.md, its pictures and README's table are made anew.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { existingGroups } from './support/groups.mjs'

const here = new URL('./', import.meta.url)

async function main() {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const existing = existingGroups()
  const unknown = positionals.filter((name) => !existing.includes(name))
  if (unknown.length > 0) throw new Error(`no such group: ${unknown.join(', ')}. There are: ${existing.join(', ')}`)
  await requireBuild()

  const groups = positionals.length > 0 ? positionals : existing
  const flags = values.quick ? ['--quick'] : []
  const failed = []
  for (const group of groups) {
    if ((await runProgram(`${group}/index.mjs`, flags)) !== 0) failed.push(group)
  }
  if ((await runProgram('summary.mjs', flags)) !== 0) failed.push('summary')
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`)
}

/** Compiles what a fresh clone lacks, and refuses to publish the figures of WebAssembly as the addon's. */
async function requireBuild() {
  if (!existsSync(new URL('../dist/index.js', here))) {
    const options = { cwd: fileURLToPath(new URL('../', here)), stdio: 'inherit', shell: process.platform === 'win32' }
    if (spawnSync('npm', ['run', 'compile'], options).status !== 0) throw new Error('npm run compile failed')
  }
  const { nativeStatus } = await import('../dist/internal/native.js')
  const { source, tried } = nativeStatus()
  if (source === 'wasm')
    throw new Error(`the native addon is not in use (${tried.join('; ')}): run "npm run compile:native"`)
}

async function runProgram(file, flags) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, here)), ...flags], { stdio: 'inherit' })
  const [code, signal] = await once(child, 'exit')
  return code ?? signal
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 1
})
