// Results that no clone keeps: instances of a class of axios, and errors of node:fs that a task returns.
import { AxiosHeaders } from 'axios'
import { execute, stream, task } from 'amorsize'
import { describe, expect, it } from 'vitest'

const named = (name) => task(new URL('./tasks/results.mjs', import.meta.url), name)
const ways = {
  execute: (name, items) => execute(named(name), items),
  stream: async (name, items) => {
    const results = []
    for await (const result of stream(named(name), items)) results.push(result)
    return results
  },
}

describe.each(Object.entries(ways))('%s, without options', (_, run) => {
  it('gives headers that axios has parsed, run after run', async () => {
    // The first ones do not show what others are, so that workers are sent for.
    const texts = Array.from({ length: 800 }, (__, n) => (n % 60 === 59 ? `Host: a\nX-Number: ${n}` : ''))
    for (let round = 0; round < 3; round++) {
      const results = await run('parseHeaders', texts)
      expect(results.map((headers) => headers === null || headers instanceof AxiosHeaders)).not.toContain(false)
      expect(results.map((headers) => headers?.get('x-number') ?? null)).toEqual(
        texts.map((text, n) => (text === '' ? null : String(n))),
      )
    }
  })

  it('gives the errors of missing files with their codes', async () => {
    const paths = Array.from({ length: 800 }, (__, n) => (n > 100 && n % 60 === 59 ? `/none/${n}` : process.execPath))
    const results = await run('look', paths)
    expect(results.map(({ path }) => path)).toEqual(paths)
    for (const { path, size, error } of results) {
      if (path === process.execPath) expect(size).toBeGreaterThan(0)
      else expect(error).toMatchObject({ code: 'ENOENT', syscall: 'stat', path })
    }
  })
})
