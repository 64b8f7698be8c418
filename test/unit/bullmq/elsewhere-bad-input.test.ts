import { spawnSync } from 'node:child_process'
import { bullmq, memoryTransport, overTransport, serveTasks } from 'amorsize/bullmq'
import { describe, expect, it } from 'vitest'

const url = new URL('../../fixtures/tasks/elsewhere.mjs', import.meta.url)

describe('bullmq and serveTasks: what they are given', () => {
  const connection = { host: '127.0.0.1', port: 1 }

  it.each([
    [{ queue: 'q' }, 'connection must be an object'],
    [{ connection, queue: '' }, 'queue must have 1 to 200 characters'],
    [{ connection, queue: 'a:b' }, "none of them ':'"],
    [{ connection }, 'queue must be a string'],
    [{ connection, queue: 'q', prefix: 5 }, 'prefix must be a string'],
    [{ connection: { isCluster: true }, queue: 'q' }, "prefix, or queue, must have a part in braces, such as '{bull}'"],
    [{ connection: { isCluster: true }, queue: '}q{', prefix: '{}' }, 'received "{}" (string) and "}q{" (string)'],
    [{ connection, queue: 'q', chunkMs: 0 }, 'chunkMs must be'],
    [{ connection, queue: 'q', windowChunks: 0 }, 'windowChunks must be'],
    [{ connection, queue: 'q', maxChunkBytes: 5 }, 'maxChunkBytes must be'],
    [{ connection, queue: 'q', onNoWorkers: 'stop' }, "onNoWorkers must be one of 'wait', 'here', 'throw'"],
    [{ connection, queue: 'q', backend: 7 }, 'backend must be a function that makes a backend of BullMQ 6; received 7'],
    [{ connection, queue: 'q', library: {} }, 'library must be the module of BullMQ'],
    [{ connection, queue: 'q', window: 4 }, "unknown bullmq option 'window'"],
  ])('bullmq refuses %o', (options, message) => {
    expect(() => bullmq(options as never)).toThrow(message)
  })

  it.each([{ prefix: '{bull}' }, { queue: '{q}' }])('bullmq takes a cluster with %o', (options) => {
    expect(bullmq({ connection: { isCluster: true }, queue: 'q', ...options })).toBeDefined()
  })

  it.each([
    [{ tasks: [] }, 'tasks must be an array of modules'],
    [{ tasks: [5] }, 'tasks must hold paths or URLs'],
    [{ tasks: ['./nowhere.mjs'] }, 'cannot be read'],
    [{ tasks: [url], threads: 0 }, "threads must be an integer >= 1, or 'auto'; received 0"],
    [{ tasks: [url], threads: 'many' }, "threads must be an integer >= 1, or 'auto'; received"],
    [{ tasks: [url], policy: {} }, 'policy must be a policy or a limiter'],
    [{ tasks: [url], stallMs: 5 }, 'stallMs must be'],
    [{ tasks: [url], queue: undefined }, 'queue must be a string'],
  ])('serveTasks refuses %o', async (options, message) => {
    await expect(serveTasks({ connection, queue: 'q', ...options } as never)).rejects.toThrow(message)
  })

  it('says what to install where BullMQ is not', () => {
    const hidden = `export const resolve = (name, context, next) => {
      if (name === 'bullmq') throw new Error('Cannot find package bullmq')
      return next(name, context)
    }`
    const hiding = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hidden)}`)})`
    const program = `
      const { execute, task } = await import('amorsize')
      const { bullmq, serveTasks } = await import('amorsize/bullmq')
      const address = { connection: {}, queue: 'q' }
      const tasks = [${JSON.stringify(url.href)}]
      for (const attempt of [() => serveTasks({ ...address, tasks }), () => execute(task(tasks[0], 'double'), [1], { on: bullmq(address) })])
        await attempt().catch((error) => console.log(error.code, error.message))`
    const flags = [
      '--import',
      `data:text/javascript,${encodeURIComponent(hiding)}`,
      '--input-type=module',
      '-e',
      program,
    ]
    const { stdout, stderr, signal } = spawnSync(process.execPath, flags, {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    })
    const line =
      "ERR_EXECUTION the package 'bullmq' is needed, 5.81 or 6: npm install bullmq ioredis (Cannot find package bullmq)\n"
    expect(stdout, signal ?? stderr).toBe(line + line)
  })

  it('memoryTransport and overTransport name what is wrong', () => {
    expect(() => memoryTransport({ tasks: [url], workers: 0 })).toThrow('workers must be')
    expect(() => overTransport(5 as never)).toThrow('open must be a function')
    expect(() => overTransport(memoryTransport({ tasks: [url] }), { chunkMs: -1 })).toThrow('chunkMs must be')
  })
})
