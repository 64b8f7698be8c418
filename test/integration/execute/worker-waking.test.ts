import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))

describe('a worker', () => {
  it('that cannot read what comes says so, and goes on', async () => {
    // A program with a larger stack than its workers.
    const source = `import { PoolWorker } from './dist/execute/threads/pool-worker.js'
      let deep = null
      for (let i = 0; i < 35_000; i++) deep = [deep]
      const worker = new PoolWorker(1, undefined)
      const heard = []
      const kinds = new Promise((resolve) => {
        worker.owner = { lostMessage: resolve, gone: resolve, received: ({ kind }) => {
          heard.push(kind)
          if (kind === 'loaded') resolve(heard)
          if (kind !== 'ready') return
          worker.send({ kind: 'chunk', run: 1, chunk: 1, task: 1, start: 0, items: [deep], isCareful: false, inFlight: 1, timeoutMs: Infinity })
          worker.load({ id: 1, expression: '() => 1', isStrict: true, helpers: [] })
        } }
      })
      console.log(String(await kinds))
      worker.end(undefined)`
    const program = [process.execPath, '--stack-size=15000', '--input-type=module', '-e', source]
    const { stdout } = await run('sh', ['-c', 'ulimit -s 16384 && exec "$0" "$@"', ...program], {
      cwd: root,
      timeout: 20_000,
    })
    expect(stdout).toBe('ready,unreadable,loaded\n')
  })
})
