// jsdom 20, which is that of Jest 29, has a URL without canParse, and no structuredClone.
import { afterEach, expect, it, vi } from 'vitest'
import { execute, fallback, task } from 'amorsize'

afterEach(() => void vi.unstubAllGlobals())

it('finds a task by its URL', () => {
  class OldUrl extends URL {}
  Object.defineProperty(OldUrl, 'canParse', { value: undefined })
  vi.stubGlobal('URL', OldUrl)
  expect(task('file:///work/tasks.mjs', 'hash').url).toBe('file:///work/tasks.mjs')
  expect(task(new OldUrl('file:///work/tasks.mjs'), 'hash').url).toBe('file:///work/tasks.mjs')
})

it('has workers apply a policy with a value of its own', async () => {
  vi.stubGlobal('structuredClone', undefined)
  const fails = (): unknown => {
    throw new Error('down')
  }
  const substitute = { tags: new Map([['a', 1]]), bytes: Buffer.from('b'), at: new Date(0) }
  const options = { mode: 'threads', workers: 1, mainThread: false, policies: [fallback(substitute)] } as const
  expect(await execute(fails, [1, 2], options)).toEqual([substitute, substitute])
})
