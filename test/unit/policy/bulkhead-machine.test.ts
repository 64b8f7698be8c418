import { describe, expect, it } from 'vitest'
import { bulkhead } from '../../../dist/index.js'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { readMachine } from '../../../dist/memory/machine/view.js'
import { permitQueues } from '../../../dist/memory/semaphore/queues.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { describeMachine, filesOf, machineName, startScript } from '../../support/machine.js'
import { addonForbidden } from '../../support/native.js'
import { deferred } from '../../support/policies.js'

const optionsOf = (name: string) => ({ name, scope: 'machine', maxConcurrent: 2 }) as const

/** A process that takes `count` slots for ever. */
const holding = (options: object, count: number) => {
  const { href } = new URL('../../../dist/index.js', import.meta.url)
  return startScript(
    null,
    `const { bulkhead } = await import(${JSON.stringify(href)})
     const slots = bulkhead(${JSON.stringify(options)})
     for (let i = 0; i < ${count}; i++) void slots.execute(() => { say(i); return new Promise(() => undefined) })
     // One that nobody could ask any more would be collected, and its slots be free.
     setInterval(() => slots.available, 1000)`,
  )
}

it.runIf(addonForbidden)(
  'is refused without the addon, rather than limiting this process alone (needs AMORSIZE_NATIVE=0)',
  () => {
    expect(() => bulkhead(optionsOf('no addon'))).toThrow(
      expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'unavailable' }),
    )
  },
)

it('is of this thread alone on a clock of the caller', () => {
  const name = machineName()
  bulkhead({ ...optionsOf(name), clock: new FakeClock() })
  expect(filesOf(name)).toEqual([])
})

describeMachine('a bulkhead of the machine', () => {
  it('has one adaptive limit for all processes, too', async () => {
    const options = { ...optionsOf(machineName()), maxConcurrent: 'adaptive', min: 5 } as const
    const slots = bulkhead(options)
    const other = holding(options, 2)
    await other.next()
    await other.next()
    expect([slots.maxConcurrent, slots.available]).toEqual([16, 14])
    expect(readMachine().find(({ name }) => name === options.name)).toMatchObject({ permits: 2, maxConcurrent: 16 })
    for (const different of [{ min: 6 }, { maxConcurrent: 16, min: undefined }])
      expect(() => bulkhead({ ...options, ...different })).toThrow(
        expect.objectContaining({ reason: 'parameters-differ' }),
      )
    other.child.kill('SIGKILL')
    await other.ended
  })

  it('gives a permit at once where a process has died that held all slots', async () => {
    const options = optionsOf(machineName())
    const slots = bulkhead(options)
    const other = holding(options, 2)
    await other.next()
    await other.next()
    expect(slots.available).toBe(0)
    other.child.kill('SIGKILL')
    await other.ended
    const permit = slots.tryAcquire()
    if (permit === false) throw new Error('its slots are free')
    expect(slots.available).toBe(1)
    permit[Symbol.dispose]()
  })

  it('has one set of slots for all processes', async () => {
    const options = optionsOf(machineName())
    const slots = bulkhead(options)
    const other = holding(options, 1)
    await other.next()
    expect(slots.available).toBe(1)
    expect(readMachine().find(({ name }) => name === options.name)).toMatchObject({
      kind: 'bulkhead',
      state: 'ready',
      permits: 1,
    })
    expect(() => bulkhead({ ...options, maxConcurrent: 3 })).toThrow(
      expect.objectContaining({ reason: 'parameters-differ' }),
    )
    other.child.kill('SIGKILL')
    await other.ended
    // Nobody has taken it back yet; who looks is not told of a permit that nobody holds.
    expect(readMachine().find(({ name }) => name === options.name)).toMatchObject({ permits: 0 })
  })

  it('takes back the slots of a process that is killed, for a caller that waits', async () => {
    const options = optionsOf(machineName())
    const slots = bulkhead(options)
    const other = holding(options, 3)
    await other.next()
    await other.next()
    const waiting = slots.execute(() => 'served')
    expect(slots.stats().queued).toBe(1)
    other.child.kill('SIGKILL')
    expect(await waiting).toBe('served')
    expect(slots.available).toBe(2)
  })

  it('has others overtake a process that is stopped, which comes first when it goes on', async () => {
    const options = { ...optionsOf(machineName()), maxConcurrent: 1 }
    const slots = bulkhead(options)
    const limits = { maxConcurrent: 1, maxQueue: Infinity, least: 0 }
    const { semaphore } = permitQueues.byName(options.name, 'machine', limits, systemClock)
    const permit = await slots.acquire()
    const { href } = new URL('../../../dist/index.js', import.meta.url)
    const other = startScript(
      null,
      `const { bulkhead } = await import(${JSON.stringify(href)})
       const slots = bulkhead(${JSON.stringify(options)})
       void slots.execute(async () => {
         say('served')
         await new Promise((resolve) => process.stdin.once('data', resolve))
       })
       for (;;) {
         say(Date.now())
         await new Promise((resolve) => setTimeout(resolve, 10))
       }`,
    )
    while (semaphore.waiting() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    other.child.kill('SIGSTOP')
    const order: string[] = []
    const [first, second] = [slots.execute(() => order.push('first')), slots.execute(() => order.push('second'))]
    permit[Symbol.dispose]()
    await Promise.all([first, second])
    expect([order, slots.available, semaphore.waiting()]).toEqual([['first', 'second'], 1, 1])
    const last = await slots.acquire()
    const behind = slots.execute(() => order.push('behind'))
    const goesOnMs = Date.now()
    other.child.kill('SIGCONT')
    // It looks for slots every 5 ms; the second time that it tells after that, it has.
    for (let told = 0; told < 2;) if (Number(await other.next()) > goesOnMs) told++
    last[Symbol.dispose]()
    while ((await other.next()) !== 'served');
    expect(order).not.toContain('behind')
    other.child.stdin?.write('over')
    await behind
    expect([slots.available, semaphore.waiting()]).toEqual([1, 0])
    other.child.kill('SIGKILL')
    await other.ended
  })

  it.each([{ maxWaitMs: 0 }, { maxQueue: 0 }])('and for one that does not, with %j', async (more) => {
    const options = { ...optionsOf(machineName()), ...more }
    const slots = bulkhead(options)
    const other = holding(options, 2)
    await other.next()
    await other.next()
    await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })
    other.child.kill('SIGKILL')
    await other.ended
    // It is looked for the dead ten times a second.
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await slots.execute(() => 'served')).toBe('served')
  })

  it('hands a slot over to a caller in another process', async () => {
    const options = optionsOf(machineName())
    const slots = bulkhead(options)
    const work = [deferred(), deferred()]
    const running = work.map(({ promise }) => slots.execute(() => promise))
    const other = holding(options, 1)
    const limits = { maxConcurrent: 2, maxQueue: Infinity, least: 0 }
    const { semaphore } = permitQueues.byName(options.name, 'machine', limits, systemClock)
    while (semaphore.waiting() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    work[0]!.resolve()
    expect(await other.next()).toBe(0)
    work[1]!.resolve()
    await Promise.all(running)
    expect(slots.available).toBe(1)
    other.child.kill('SIGKILL')
    await other.ended
  })

  describe('update', () => {
    /** What the machine shows of a name. */
    const shown = (name: string) => readMachine().find((entry) => entry.name === name)

    it('is one for all processes, and lets in who waits in another', async () => {
      const options = optionsOf(machineName())
      const slots = bulkhead(options)
      const permits = [await slots.acquire(), await slots.acquire()]
      const other = holding(options, 2)
      const limits = { maxConcurrent: 2, maxQueue: Infinity, least: 0 }
      const { semaphore } = permitQueues.byName(options.name, 'machine', limits, systemClock)
      while (semaphore.waiting() < 2) await new Promise((resolve) => setTimeout(resolve, 5))
      slots.update({ maxConcurrent: 3, maxQueue: 50 })
      expect(await other.next()).toBe(0)
      expect([slots.available, semaphore.waiting()]).toEqual([0, 1])
      expect(shown(options.name)).toMatchObject({ permits: 3, maxConcurrent: 3 })
      const looking = startScript(
        null,
        `const { bulkhead } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)})
         const slots = bulkhead(${JSON.stringify(options)})
         say([slots.maxConcurrent, slots.maxQueue])
         try { bulkhead({ ...${JSON.stringify(options)}, maxConcurrent: 3, maxQueue: 50 }) } catch (error) { say(error.reason) }
         slots.update({ maxConcurrent: 1 })
         say(slots.maxConcurrent)`,
      )
      expect([await looking.next(), await looking.next(), await looking.next()]).toEqual([
        [3, 50],
        'parameters-differ',
        1,
      ])
      await looking.ended
      expect([slots.maxConcurrent, slots.maxQueue, slots.available]).toEqual([1, 50, 0])
      for (const permit of permits) permit[Symbol.dispose]()
      other.child.kill('SIGKILL')
      await other.ended
    })

    it('does not outlast the last process that uses the name', async () => {
      const options = { ...optionsOf(machineName()), maxConcurrent: 'adaptive', min: 3 } as const
      const changing = (change: object) =>
        startScript(
          null,
          `const { bulkhead } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)})
           const slots = bulkhead(${JSON.stringify(options)})
           say([slots.maxConcurrent, slots.maxQueue])
           slots.update(${JSON.stringify(change)})
           say([slots.maxConcurrent, slots.maxQueue])`,
        )
      for (let time = 0; time < 2; time++) {
        const script = changing({ max: 5, maxQueue: 4 })
        // null stands for Infinity in what it says.
        expect([await script.next(), await script.next()]).toEqual([
          [16, null],
          [5, 4],
        ])
        await script.ended
      }
    })

    it('may be killed at any instruction: nobody is forgotten, and no slot is lost', async () => {
      const options = optionsOf(machineName())
      const slots = bulkhead(options)
      let isEnding = false as boolean
      let running = 0
      let most = 0
      const caller = async (): Promise<void> => {
        while (!isEnding) {
          await slots.execute(async () => {
            most = Math.max(most, ++running)
            await new Promise((resolve) => setImmediate(resolve))
            running--
          })
        }
      }
      const callers = Array.from({ length: 8 }, caller)
      for (let round = 0; round < 3; round++) {
        const changing = startScript(
          null,
          `const { bulkhead } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)})
           const slots = bulkhead(${JSON.stringify(options)})
           say('ready')
           for (let n = 0; ; n++) {
             slots.update({ maxConcurrent: 1 + n % 4, maxQueue: 100 + n % 3 })
             if (n % 100 === 0) await new Promise(setImmediate)
           }`,
        )
        await changing.next()
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
        changing.child.kill('SIGKILL')
        await changing.ended
        const before = slots.stats().calls
        while (slots.stats().calls < before + 20) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      isEnding = true
      await Promise.all(callers)
      expect(most).toBeLessThanOrEqual(4)
      expect(slots.stats()).toMatchObject({ running: 0, queued: 0, rejected: 0 })
      slots.update({ maxConcurrent: 4 })
      expect(slots.available).toBe(4)
    })
  })
})
