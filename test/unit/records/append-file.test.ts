import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import { AppendFile } from '../../../dist/records/append-file.js'

const folder = mkdtempSync(join(tmpdir(), 'amorsize-append-'))
let count = 0

async function opened() {
  const path = join(folder, `file-${++count}`)
  const file = await AppendFile.open(path, 'the file', false)
  const append = (text: string): void => file.append(Buffer.from(text))
  return { file, append, content: () => readFileSync(path, 'utf8'), syncs: vi.spyOn(file.handle, 'datasync') }
}

afterEach(() => vi.useRealTimers())
afterAll(() => rmSync(folder, { recursive: true }))

it('has what is appended with the kernel before the turn of the event loop ends, and soon on the disk', async () => {
  const { file, append, content, syncs } = await opened()
  append('a')
  append('b')
  await endOfTurn()
  expect(content()).toBe('ab')
  await vi.waitFor(() => expect(syncs).toHaveBeenCalled(), 10_000)
  await file.close()
})

it('does so though timers are fake, stand still, and are thrown away', async () => {
  const { file, append, content, syncs } = await opened()
  vi.useFakeTimers()
  append('a')
  append('b')
  await endOfTurn()
  expect([content(), vi.getTimerCount()]).toEqual(['ab', 0])
  vi.useRealTimers()
  await vi.waitFor(() => expect(syncs).toHaveBeenCalled(), 10_000)
  await file.flush()
  const before = syncs.mock.calls.length
  append('c')
  append('d')
  vi.useFakeTimers()
  await endOfTurn()
  expect(content()).toBe('abcd')
  vi.useRealTimers()
  await vi.waitFor(() => expect(syncs.mock.calls.length).toBeGreaterThan(before), 10_000)
  vi.useFakeTimers()
  append('e')
  await file.close()
  expect(content()).toBe('abcde')
})

it('writes without a turn of the event loop what has waited, though a clock of a test framework was years ahead', async () => {
  const { file, append, content } = await opened()
  vi.useFakeTimers()
  vi.advanceTimersByTime(1e9)
  append('a')
  vi.useRealTimers()
  const startMs = performance.now()
  do append('b')
  while (content() === 'a' && performance.now() - startMs < 10_000)
  expect(content()).toMatch(/^ab/)
  await file.close()
})
