// Worker processes of a queue, which are killed and started again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export class WorkerProcesses {
  #children = new Set()
  #isOver = false

  constructor(settings) {
    this.settings = settings
    /** How many have died. */
    this.deaths = 0
  }

  /** Starts one; resolves when it serves. With `again` another one takes its place when it dies. */
  async start({ again = false } = {}) {
    const { port, queue, library, tasks, stallMs = 1000 } = this.settings
    const child = spawn(process.execPath, [join(import.meta.dirname, 'serve.mjs'), ...tasks], {
      env: { ...process.env, PORT: port, QUEUE: queue, LIBRARY: library, STALL_MS: stallMs },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#children.add(child)
    child.once('close', () => {
      this.#children.delete(child)
      if (this.#isOver) return
      this.deaths++
      if (again) void this.start({ again })
    })
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
    return child
  }

  get running() {
    return [...this.#children]
  }

  async end() {
    this.#isOver = true
    await Promise.all(
      this.running.map(async (child) => {
        const closed = once(child, 'close')
        child.kill('SIGKILL')
        await closed
      }),
    )
  }
}
