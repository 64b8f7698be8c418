import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { completeOptions } from '../../../dist/execute/options.js'
import type { Progress } from '../../../dist/records/recorder.js'
import { recordersOf } from '../../../dist/records/recorders.js'
import { recordedRun, temporaryFolder } from '../support/recorded-run.js'

const folder = temporaryFolder()
const identity = { task: 'hash of a function', total: 10 }
const items = Array.from({ length: 10 }, (_, i) => i)

describe('the recorders of a run', () => {
  it('are none where no option asks for one', async () => {
    expect(await recordersOf({}, identity)).toEqual([])
    expect(await recordersOf({ progress: false, hooks: {} }, identity)).toEqual([])
  })

  it('together keep the account of a run and of the one after it', async () => {
    const dir = join(folder, 'both')
    const deadLetter = join(folder, 'both.ndjson')
    const reports: Progress[] = []
    const hooked: Progress[] = []
    const options = {
      checkpoint: { dir },
      deadLetter,
      progress: true,
      onProgress: (progress: Progress) => reports.push(progress),
      hooks: { onProgress: (progress: Progress) => hooked.push(progress) },
    }
    const task = (item: unknown): unknown => {
      if (item === 4) throw new RangeError('four')
      return Number(item) * 3
    }
    await recordedRun(await recordersOf(options, identity), items, task)
    expect(reports.at(-1)).toMatchObject({ completed: 9, failed: 1, total: 10, percent: 100 })
    const again = await recordedRun(await recordersOf(options, identity), items, (item) => Number(item) * 3)
    expect(again).toEqual({ results: items.map((item) => item * 3), ran: [4] })
    expect(reports.at(-1)).toMatchObject({ completed: 10, failed: 0, total: 10, percent: 100 })
    expect(hooked).toEqual(reports)
    expect(
      readFileSync(deadLetter, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([{ index: 4, item: 4, error: { name: 'RangeError', message: 'four' }, attempts: 1 }])
  })

  it('give up what they have opened when one cannot be', async () => {
    const dir = join(folder, 'half')
    await expect(recordersOf({ checkpoint: { dir }, deadLetter: folder }, identity)).rejects.toThrow(
      /the dead-letter file .* EISDIR/,
    )
    expect(readdirSync(dir)).toEqual(['checkpoint.log'])
    await recordedRun(await recordersOf({ checkpoint: { dir } }, identity), items, String)
  })

  it.each([
    [{ checkpoint: 'dir' }, TypeError, /checkpoint options must be an object; received "dir" \(string\)/],
    [{ checkpoint: {} }, TypeError, /checkpoint.dir must be a path \(string\); received undefined/],
    [{ checkpoint: { dir: '' } }, RangeError, /checkpoint.dir must be a path/],
    [{ checkpoint: { dir: 'x', nmae: 'y' } }, TypeError, /unknown checkpoint option 'nmae'.*did you mean 'name'/],
    [
      { checkpoint: { dir: 'x', name: '../y' } },
      RangeError,
      /checkpoint.name must be 1 to 200 letters.*received "..\/y"/,
    ],
    [{ checkpoint: { dir: 'x', name: 5 } }, TypeError, /checkpoint.name must be a string/],
    [{ deadLetter: true }, TypeError, /deadLetter must be a path \(string\); received true/],
    [{ progress: 'yes' }, TypeError, /progress must be true or false/],
    [{ onProgress: 1 }, TypeError, /onProgress must be a function/],
  ])('refuse %j', (options, ErrorClass, message) => {
    const check = (): void => void completeOptions('execute', options as never)
    expect(check).toThrow(ErrorClass)
    expect(check).toThrow(message)
  })
})
