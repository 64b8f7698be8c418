import { expect, it } from 'vitest'
import { execute } from '../../../dist/index.js'

it('a hook that throws is reported once, and is called on the object of hooks', async () => {
  const codes: unknown[] = []
  const onWarning = (warning: Error & { code?: unknown }) => codes.push(warning.code)
  process.on('warning', onWarning)
  const seen: unknown[] = []
  const hooks = {
    onItemError(this: unknown): void {
      seen.push(this)
      throw new Error('no log')
    },
  }
  const fail = (): never => {
    throw new Error('no')
  }
  try {
    const outcomes = await execute(fail, [1, 2, 3], { hooks, onError: 'collect' })
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', onWarning)
  }
  expect(seen).toEqual([hooks, hooks, hooks])
  expect(codes).toEqual(['AMORSIZE_LISTENER_FAILED'])
})

it.each(['onStart', 'onItemError', 'onEnd'] as const)('%s may throw what has no text', async (name) => {
  const hooks = {
    [name](): void {
      throw Object.create(null)
    },
  }
  const fail = (n: number): number => {
    if (n === 2) throw new Error('no')
    return n
  }
  const outcomes = await execute(fail, [1, 2, 3], { hooks, onError: 'collect' })
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

it('a run that is aborted while its records are opened has a beginning and an end', async () => {
  const aborted = new AbortController()
  const told: string[] = []
  const hooks = {
    onStart: () => told.push('start'),
    onProgress: () => told.push('progress'),
    onEnd: ({ error }: { readonly error?: unknown }) => told.push(`end: ${String(error)}`),
  }
  const running = execute((n) => n, [1, 2, 3], { hooks, signal: aborted.signal })
  aborted.abort('no')
  await expect(running).rejects.toBe('no')
  expect(told).toEqual(['start', 'progress', 'end: no'])
})
