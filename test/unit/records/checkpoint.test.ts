import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Checkpoint } from '../../../dist/records/checkpoint.js'
import { ExecutionError } from '../../../dist/index.js'
import { recordedRun, temporaryFolder } from '../support/recorded-run.js'

const folder = temporaryFolder()
let count = 0
const newDir = (): string => join(folder, `run-${count++}`)
const logOf = (dir: string): string => join(dir, 'checkpoint.log')
const identity = { task: 'file:///task.mjs#double', total: 20 }
const items = Array.from({ length: 20 }, (_, i) => ({ value: i }))
const double = (item: unknown): unknown => ({ twice: 2 * (item as { value: number }).value })
const loop = items.map(double)

async function run(
  dir: string,
  options: Parameters<typeof recordedRun>[3] = {},
  source: Iterable<unknown> = items,
  task = double,
) {
  return recordedRun([await Checkpoint.open({ dir }, identity)], source, task, options)
}

describe('a checkpoint', () => {
  it('gives the results of finished items back and lets the rest run', async () => {
    const dir = newDir()
    expect((await run(dir, { stopAfter: 7 })).ran).toEqual([0, 1, 2, 3, 4, 5, 6])
    const second = await run(dir)
    expect(second.ran).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    expect(second.results).toEqual(loop)
  })

  it('runs nothing again once all is finished, and is kept', async () => {
    const dir = newDir()
    await run(dir)
    expect(await run(dir)).toEqual({ results: loop, ran: [] })
    expect(readdirSync(dir)).toEqual(['checkpoint.log'])
  })

  it('tries failed items again', async () => {
    const dir = newDir()
    const first = await run(dir, {}, items, (item) => {
      if ((item as { value: number }).value % 5 === 0) throw new Error('not today')
      return double(item)
    })
    expect(first.results).not.toHaveProperty('5')
    const second = await run(dir)
    expect(second).toEqual({ results: loop, ran: [0, 5, 10, 15] })
  })

  it('resumes from its log cut off at any byte, and runs no recorded item again', async () => {
    const dir = newDir()
    const ends: number[] = []
    const checkpoint = await Checkpoint.open({ dir }, identity)
    const headerEnd = readFileSync(logOf(dir)).length
    for (const [index, item] of items.entries()) {
      checkpoint.itemTaken(index, item)
      checkpoint.itemFinished(index, double(item))
      await checkpoint.flush()
      ends.push(readFileSync(logOf(dir)).length)
    }
    await checkpoint.close()
    const whole = readFileSync(logOf(dir))
    expect(whole.length).toBe(ends.at(-1))
    expect(headerEnd).toBeGreaterThan(0)
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(logOf(dir), whole.subarray(0, cut))
      const { results, ran } = await run(dir)
      expect(results).toEqual(loop)
      expect(ran.length).toBe(ends.filter((end) => end > cut).length)
      // What was resumed is itself whole.
      if (cut % 7 === 0) expect((await run(dir)).ran).toEqual([])
    }
  }, 180_000)

  it('cuts off a tail of rubbish and goes on behind what is whole', async () => {
    const dir = newDir()
    await run(dir, { stopAfter: 3 })
    writeFileSync(logOf(dir), Buffer.alloc(5000, 0), { flag: 'a' })
    expect((await run(dir)).ran).toHaveLength(17)
    expect((await run(dir)).ran).toEqual([])
  })

  it('loses one item alone to a line that is damaged among others', async () => {
    const dir = newDir()
    await run(dir)
    const log = readFileSync(logOf(dir))
    log[log.indexOf('\n[7,') + 12]! ^= 1
    writeFileSync(logOf(dir), log)
    expect(await run(dir)).toEqual({ results: loop, ran: [7] })
    expect((await run(dir)).ran).toEqual([])
  })

  it('has what was told on its way to the disk before the turn of the event loop ends', async () => {
    const dir = newDir()
    const checkpoint = await Checkpoint.open({ dir }, identity)
    const before = readFileSync(logOf(dir)).length
    checkpoint.itemTaken(0, items[0])
    checkpoint.itemFinished(0, 'done')
    await new Promise(setImmediate)
    expect(readFileSync(logOf(dir)).length).toBeGreaterThan(before)
    await checkpoint.close()
  })

  it.each([
    ['undefined', undefined],
    ['BigInt', 12n],
    ['a Map of Dates', new Map([[1, new Date(5)]])],
    ['a typed array', new Float64Array([1, 2, NaN])],
    ['an array buffer', new Uint8Array([1, 2, 3]).buffer],
    ['a Buffer', Buffer.from('bytes')],
    ['a DataView', new DataView(new ArrayBuffer(8), 2, 4)],
    ['an error', new RangeError('no')],
    ['one megabyte', 'é'.repeat(1 << 20)],
  ])('keeps %s as it was', async (_, value) => {
    const dir = newDir()
    await run(dir, {}, items, () => value)
    const { results, ran } = await run(dir)
    expect(ran).toEqual([])
    for (const result of results) expect(result).toEqual(value)
    // Each has its own memory: writing into one changes no other.
    if (ArrayBuffer.isView(value)) {
      const views = results as NodeJS.ArrayBufferView[]
      new Uint8Array(views[0]!.buffer, views[0]!.byteOffset, 1)[0]! ^= 255
      expect(views[1]).toEqual(value)
    }
  })

  it('gives a typed array back with a buffer of its own size', async () => {
    const dir = newDir()
    await run(dir, {}, items, () => new Float64Array([1, 2, 3]))
    for (const result of (await run(dir)).results) expect((result as Float64Array).buffer.byteLength).toBe(24)
  })

  it('ends the run with an ExecutionError where a result cannot be kept', async () => {
    const dir = newDir()
    await expect(run(dir, {}, items, () => () => 0)).rejects.toThrow(
      /the result of item 0 cannot be kept in a checkpoint/,
    )
  })

  it('keeps several names in one folder apart', async () => {
    const dir = newDir()
    const one = await recordedRun([await Checkpoint.open({ dir, name: 'one' }, identity)], items, () => 1)
    const two = await recordedRun([await Checkpoint.open({ dir, name: 'two' }, identity)], items, () => 2)
    expect([one.results[0], two.results[0]]).toEqual([1, 2])
    expect(readdirSync(dir)).toEqual(['one.log', 'two.log'])
  })
})

function checksummed(text: string): Buffer {
  return Buffer.from(`${text},${crc32(text)}]\n`)
}

describe('a checkpoint of something else is refused', () => {
  it('when the task is another', async () => {
    const dir = newDir()
    await run(dir)
    const opened = Checkpoint.open({ dir }, { task: 'file:///task.mjs#triple', total: 20 })
    await expect(opened).rejects.toThrow(
      /belongs to another task \(file:\/\/\/task.mjs#double, not file:\/\/\/task.mjs#triple\)/,
    )
    await expect(opened).rejects.toBeInstanceOf(ExecutionError)
  })

  it('when it is a function of another source, however long that is', async () => {
    const dir = newDir()
    const source = (end: string): string => `(item) => { ${'work(); '.repeat(10_000)} return ${end} }`
    await (await Checkpoint.open({ dir }, { task: source('1'), total: 20 })).close()
    await (await Checkpoint.open({ dir }, { task: source('1'), total: 20 })).close()
    const opened = Checkpoint.open({ dir }, { task: source('2'), total: 20 })
    await expect(opened).rejects.toThrow(
      /belongs to another task \(\(item\) => { work\(\);.{60,80}… sha256 \w+, not .*\)/,
    )
    await expect(opened).rejects.toThrow(/^.{0,600}$/)
  })

  it('when there are more or fewer items', async () => {
    const dir = newDir()
    await run(dir)
    await expect(Checkpoint.open({ dir }, { ...identity, total: 21 })).rejects.toThrow(
      /other items: there were 20, now there are 21/,
    )
    await expect(
      recordedRun([await Checkpoint.open({ dir }, { ...identity, total: null })], items, double),
    ).resolves.toMatchObject({ ran: [] })
  })

  it('when a finished item is another', async () => {
    const dir = newDir()
    await run(dir, { stopAfter: 10 })
    const others = items.with(4, { value: 4.5 })
    await expect(run(dir, {}, others)).rejects.toThrow(
      /belongs to other items: item 4 is not the one that was finished/,
    )
    expect((await run(dir)).results).toEqual(loop)
  })

  it('when an item that was taken, but not finished, is another', async () => {
    const dir = newDir()
    const fail = (item: unknown): unknown => {
      if ((item as { value: number }).value === 4) throw new Error('no')
      return double(item)
    }
    await run(dir, {}, items, fail)
    await expect(run(dir, {}, items.with(4, { value: 40 }))).rejects.toThrow(
      /other items: the first 20 are not those it was started with/,
    )
  })

  it.each([
    [
      'an earlier version',
      Buffer.from('AMSZCKP1\x10'),
      /earlier version of this package, which alone can go on with it/,
    ],
    ['a later version', checksummed('["amorsize checkpoint",3,"task",null'), /is of a later version of this package/],
  ])('when it is of %s, with what to do', async (_, content, why) => {
    const dir = newDir()
    mkdirSync(dir)
    writeFileSync(logOf(dir), content)
    await expect(run(dir)).rejects.toThrow(why)
    await expect(run(dir)).rejects.toThrow(/; choose another name or folder, or remove it$/)
    expect(readFileSync(logOf(dir))).toEqual(content)
  })

  it.each([
    ['a file of another kind', Buffer.from('{"some": "json"}\n'), /is no checkpoint of this package/],
    ['a damaged header', null, /is damaged in its first record/],
  ])('when it is %s', async (_, content, why) => {
    const dir = newDir()
    await run(dir)
    const log = readFileSync(logOf(dir))
    log[30]! ^= 1
    writeFileSync(logOf(dir), content ?? log)
    await expect(run(dir)).rejects.toThrow(why)
    expect(readFileSync(logOf(dir))).toEqual(content ?? log)
  })
})

describe('a checkpoint in use', () => {
  it('is refused to another run of this process, until the first has ended', async () => {
    const dir = newDir()
    const first = await Checkpoint.open({ dir }, identity)
    await expect(Checkpoint.open({ dir }, identity)).rejects.toThrow(/is in use by another run in this process/)
    await first.close()
    await expect(run(dir)).resolves.toMatchObject({ results: loop })
  })

  it('is refused to another process, which may have it when the first was killed', async () => {
    const dir = newDir()
    const program = `
      import { Checkpoint } from ${JSON.stringify(new URL('../../../dist/records/checkpoint.js', import.meta.url).href)}
      await Checkpoint.open({ dir: ${JSON.stringify(dir)} }, ${JSON.stringify(identity)})
      console.log('open')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    await expect(run(dir)).rejects.toThrow(new RegExp(`is in use by process ${child.pid}`))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expect(run(dir)).resolves.toMatchObject({ results: loop })
    expect(readdirSync(dir)).toEqual(['checkpoint.log'])
  })

  it.each([
    ['whose process id has been given to another', (mark: string[]) => mark.with(3, '1')],
    ['from before the machine was started', (mark: string[]) => mark.with(1, '00000000')],
  ])('is free of a claim %s', async (_, changed) => {
    const dir = newDir()
    const checkpoint = await Checkpoint.open({ dir }, identity)
    const claim = readdirSync(dir).find((name) => name.includes('.lock-'))!
    await checkpoint.close()
    const [prefix, mark] = claim.split('.lock-') as [string, string]
    writeFileSync(join(dir, `${prefix}.lock-${changed(mark.split('-')).join('-')}`), '')
    await expect(run(dir)).resolves.toMatchObject({ results: loop })
  })

  it('is held by a process that cannot be seen from here, as long as its claim is fresh', async () => {
    const dir = newDir()
    mkdirSync(dir)
    const claim = join(dir, 'checkpoint.log.lock-00000000-00000000-1-1')
    writeFileSync(claim, '')
    await expect(run(dir)).rejects.toThrow(/in use by process 1 of another machine or container/)
    const old = new Date(Date.now() - 120_000)
    utimesSync(claim, old, old)
    await expect(run(dir)).resolves.toMatchObject({ results: loop })
  })

  it('leaves files alone that only look like claims', async () => {
    const dir = newDir()
    mkdirSync(dir)
    writeFileSync(join(dir, 'checkpoint.log.lock-mine.log'), 'kept')
    await run(dir)
    expect(readFileSync(join(dir, 'checkpoint.log.lock-mine.log'), 'utf8')).toBe('kept')
  })

  it('is open to one of many that start at once', async () => {
    const dir = newDir()
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => Checkpoint.open({ dir }, identity)))
    const held = opened.filter((result) => result.status === 'fulfilled')
    expect(held).toHaveLength(1)
    await held[0]!.value.close()
  })
})

describe('a checkpoint that cannot be written', () => {
  it.runIf(process.platform === 'linux')('is one where the system lets nobody make a folder', async () => {
    await expect(Checkpoint.open({ dir: '/proc/checkpoints' }, identity)).rejects.toThrow(/cannot be written: ENOENT/)
  })

  it('is an ExecutionError before anything runs when its folder cannot be made', async () => {
    const dir = newDir()
    writeFileSync(dir, 'a file')
    for (const path of [dir, join(dir, 'below')]) {
      await expect(Checkpoint.open({ dir: path }, identity)).rejects.toThrow(
        /the checkpoint '.*checkpoint.log' cannot be written: E(EXIST|NOTDIR)/,
      )
      await expect(Checkpoint.open({ dir: path }, identity)).rejects.toBeInstanceOf(ExecutionError)
    }
  })

  it('is one when the log is a folder, and leaves no claim', async () => {
    const dir = newDir()
    mkdirSync(logOf(dir), { recursive: true })
    await expect(Checkpoint.open({ dir }, identity)).rejects.toThrow(/EISDIR/)
    expect(readdirSync(dir)).toEqual(['checkpoint.log'])
  })

  it('is one when the claim of a dead run cannot be removed, and leaves none of its own', async () => {
    const dir = newDir()
    const stubborn = 'checkpoint.log.lock-00000000-00000000-1-1'
    mkdirSync(join(dir, stubborn), { recursive: true })
    utimesSync(join(dir, stubborn), 1, 1)
    await expect(Checkpoint.open({ dir }, identity)).rejects.toThrow(/checkpoint.log' cannot be locked: .*EISDIR/)
    await expect(Checkpoint.open({ dir }, identity)).rejects.toBeInstanceOf(ExecutionError)
    expect(readdirSync(dir)).toEqual([stubborn])
  })

  it('ends the run, at its next item or flush, when the disk is full; nothing of before is lost', async () => {
    // A limit on the size of files stands for the full disk: the write that passes it is cut short, the next one fails.
    const dir = newDir()
    const program = `
      import { Checkpoint } from ${JSON.stringify(new URL('../../../dist/records/checkpoint.js', import.meta.url).href)}
      process.on('SIGXFSZ', () => {})
      const checkpoint = await Checkpoint.open({ dir: ${JSON.stringify(dir)} }, ${JSON.stringify(identity)})
      let index = 0
      try {
        for (; index < 20; index++) {
          checkpoint.itemTaken(index, { value: index })
          checkpoint.itemFinished(index, { twice: 2 * index, padding: 'x'.repeat(700) })
          await new Promise(setImmediate)
        }
      } catch (error) { console.log(index, error.code, error.message) }
      await checkpoint.flush().catch((error) => console.log(error.code, error.message))
      await checkpoint.close().catch((error) => console.log(error.code))`
    const child = spawn(
      'sh',
      ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', program],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await once(child, 'close')
    const [first, second, third] = output.split('\n') as [string, string, string]
    expect(first).toMatch(/^\d+ ERR_EXECUTION the checkpoint '.*' cannot be written: EFBIG/)
    expect(second).toMatch(/^ERR_EXECUTION the checkpoint '.*' cannot be written: EFBIG/)
    expect(third).toBe('ERR_EXECUTION')
    const { ran, results } = await run(dir)
    const kept = 20 - ran.length
    expect(kept).toBeGreaterThanOrEqual(Number(first.split(' ')[0]) - 2)
    expect(kept).toBeGreaterThan(2)
    expect(results).toHaveLength(20)
  })
})
