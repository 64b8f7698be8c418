// A run with a checkpoint is killed halfway with SIGKILL, which no program can catch, and started again. Finished items do not
// run again, and the results are those of a loop.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { execute, task } from 'amorsize'

/** Some 5 ms of work. */
export function work(n) {
  let x = n + 1
  for (let i = 0; i < 2_000_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return { n, x }
}

const items = Array.from({ length: 400 }, (_, i) => i)

/** The run of the child; the parent repeats it after the kill. */
function run(dir, onProgress) {
  return execute(task(import.meta.url, 'work'), items, { checkpoint: { dir }, onProgress })
}

async function main() {
  const dir = mkdtempSync(join(tmpdir(), 'resume-after-kill-'))
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), dir], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', (completed) => {
    if (completed < items.length / 2 || child.killed) return
    console.log(`the first run has finished ${completed} of ${items.length} items and is killed`)
    child.kill('SIGKILL')
  })
  await once(child, 'exit')

  let before = null
  const results = await run(dir, ({ completed }) => (before ??= completed))
  console.log(`the second run had ${before} results soon after its start, and ended with ${results.length}`)
  console.log(`results equal to the loop's: ${isDeepStrictEqual(results, items.map(work))}`)
  rmSync(dir, { recursive: true })
}

// Not awaited here: execute imports this module by its URL, and an import waits until the module's own top level has ended.
if (isMainThread && process.argv[1]?.endsWith('resume-after-kill.mjs')) {
  if (process.argv[2] === undefined) void main()
  else void run(process.argv[2], ({ completed }) => process.send(completed))
}
