import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { timesOf } from '../../../dist/cli/commands/bench.js'
import { readHistory, type RunToSave, saveRun, usualHistory } from '../../../dist/cli/history-file.js'
import { temporaryFolder } from '../support/recorded-run.js'

const folder = temporaryFolder()
const run: RunToSave = {
  command: 'tune',
  task: { url: 'file:///a/tasks.mjs', export: 'f' },
  items: { count: 3, digest: 'range 3' },
  measured: [{ what: 'the loop', unit: 'ms', samples: [1, 2, 3] }],
}
let files = 0
const newFile = (): string => join(folder, `history-${files++}`, 'history.ndjson')

const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
afterEach(() => said.mockClear())

describe('the history', () => {
  it('is in the folder that each system has for the state of programs', () => {
    expect(usualHistory({ XDG_STATE_HOME: '/state' }, 'linux')).toBe(join('/state', 'amorsize', 'history.ndjson'))
    expect(usualHistory({}, 'linux')).toMatch(/\.local[/\\]state[/\\]amorsize/)
    for (const XDG_STATE_HOME of ['', 'relative/state'])
      expect(usualHistory({ XDG_STATE_HOME }, 'linux')).toBe(usualHistory({}, 'linux'))
    expect(usualHistory({}, 'darwin')).toMatch(/Library[/\\]Application Support/)
    expect(usualHistory({ LOCALAPPDATA: 'C:\\Local' }, 'win32')).toMatch(/^C:\\Local/)
  })

  it('is not touched without --save', () => {
    saveRun(undefined, run)
    expect(said).not.toHaveBeenCalled()
  })

  it('gets a line for each run, and says where', () => {
    const file = newFile()
    saveRun(file, run)
    saveRun(file, { ...run, command: 'compare' })
    expect(said.mock.calls.map(([text]) => text)).toEqual([
      `amorsize: kept as run 1 in ${file}\n`,
      `amorsize: kept as run 2 in ${file}\n`,
    ])
    const { runs, bad } = readHistory(file)
    expect(bad).toEqual([])
    expect(runs.map(({ command, items }) => ({ command, items }))).toEqual([
      { command: 'tune', items: run.items },
      { command: 'compare', items: run.items },
    ])
  })

  it('is given times only by bench: what came out below 0 is none', () => {
    const cases = [
      { id: 'lease', samples: [-11.5, 0, 0.9] },
      { id: 'nothing', samples: [-1] },
    ]
    const file = newFile()
    saveRun(file, { command: 'bench', task: null, items: null, measured: timesOf(cases) })
    expect(readHistory(file).runs[0]?.measured).toEqual([{ what: 'lease', unit: 'ns', samples: [0.9] }])
  })

  it('loses nothing to a line that was cut off', () => {
    const file = newFile()
    saveRun(file, run)
    appendFileSync(file, '{"amorsize":1,"comm')
    saveRun(file, run)
    const { runs, bad } = readHistory(file)
    expect(runs).toHaveLength(2)
    expect(bad).toEqual([{ line: 2, why: 'is not JSON' }])
    expect(readFileSync(file, 'utf8')).toContain('{"amorsize":1,"comm\n')
  })

  it.each([
    ['{"a":1}', 'was not written by amorsize'],
    ['{"amorsize":2}', 'has form 2, and this version reads form 1'],
    ['{"amorsize":1}', 'lacks a part of what a run has'],
    [
      '{"amorsize":1,"command":"tune","at":"","machine":{},"task":null,"items":null,"measured":[{"what":"x","samples":["1"]}]}',
      'lacks a part of what a run has',
    ],
    ['null', 'was not written by amorsize'],
    ['hello', 'is not JSON'],
  ])('of another program is refused, and not added to: %s', (line, why) => {
    const file = newFile()
    saveRun(file, run)
    writeFileSync(file, `${line}\n`)
    expect(() => readHistory(file)).toThrow(`is no history of amorsize: line 1 ${why}`)
    expect(() => saveRun(file, run)).toThrow('is no history of amorsize')
    expect(readFileSync(file, 'utf8')).toBe(`${line}\n`)
  })

  it('that is not there, or cannot be written, is told', () => {
    const file = newFile()
    expect(() => readHistory(file)).toThrow(/^there is no history at .*--save$/)
    expect(() => readHistory(folder)).toThrow(/cannot be read/)
    expect(() => saveRun(folder, run)).toThrow(/the run cannot be kept in/)
  })

  // It can be read for ever: all of the memory would not hold it.
  it.skipIf(!existsSync('/dev/full'))('that is a device is refused unread (skipped without /dev/full)', () => {
    expect(() => readHistory('/dev/full')).toThrow('the history /dev/full cannot be read: it is a device')
    expect(() => saveRun('/dev/full', run)).toThrow('the run cannot be kept in /dev/full: it is a device')
  })
})
