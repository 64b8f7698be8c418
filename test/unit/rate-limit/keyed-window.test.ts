import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { KeyedWindow, type KeyedWindowHandle } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'

const make = (options: Partial<ConstructorParameters<typeof KeyedWindow>[0]> = {}) => {
  const clock = new FakeClock()
  return { clock, window: new KeyedWindow({ capacity: 100, clock, ...options }) }
}

describe('KeyedWindow', () => {
  it("starts a key's window at its first hit and counts refused hits too", async () => {
    const { clock, window } = make()
    const hit = () => window.hit('a', { windowMs: 1000, max: 2 })
    expect(hit()).toEqual({ count: 1, resetMs: 1000, refused: false })
    await clock.advance(400)
    expect(hit()).toEqual({ count: 2, resetMs: 600, refused: false })
    expect(hit()).toEqual({ count: 3, resetMs: 600, refused: true })
    expect(window.look('a')).toEqual({ count: 3, resetMs: 600, refused: false })
    expect(window.hit('b', { windowMs: 1000, max: 2 }).count).toBe(1)
    expect(window.size).toBe(2)
    await clock.advance(600)
    expect(window.size).toBe(1)
    expect(hit()).toEqual({ count: 1, resetMs: 1000, refused: false })
  })

  it('tells nothing of a key that was never seen', () => {
    expect(make().window.look('x')).toEqual({ count: 0, resetMs: 0, refused: false })
  })

  it("prolongs a window by refused hits only with extend: 'refused'", async () => {
    const { clock, window } = make()
    const hit = () => window.hit('a', { windowMs: 1000, max: 1, extend: 'refused' })
    hit()
    await clock.advance(900)
    expect(hit()).toEqual({ count: 2, resetMs: 1000, refused: true })
    await clock.advance(999)
    expect(hit().refused).toBe(true)
    await clock.advance(1000)
    expect(hit()).toEqual({ count: 1, resetMs: 1000, refused: false })
  })

  it("doubles the time told with each refusal with extend: 'double', and holds it to its end", async () => {
    const { clock, window } = make()
    const hit = () => window.hit('a', { windowMs: 100, max: 1, extend: 'double' })
    hit()
    expect([1, 2, 3, 4].map(() => hit().resetMs)).toEqual([100, 200, 400, 800])
    await clock.advance(799)
    expect(window.look('a').resetMs).toBe(1)
    await clock.advance(1)
    expect(hit()).toEqual({ count: 1, resetMs: 100, refused: false })
    for (let i = 0; i < 100; i++) hit()
    expect(hit().resetMs).toBe(2 ** 38 - 1 - 800)
  })

  it('takes hits back, and never more than there are', () => {
    const { window } = make()
    window.hit('a', { windowMs: 1000, n: 3 })
    window.unhit('a')
    expect(window.look('a').count).toBe(2)
    window.unhit('a', 5)
    expect(window.look('a')).toEqual({ count: 0, resetMs: 1000, refused: false })
    window.unhit('never seen')
    expect(window.size).toBe(1)
  })

  it('refuses every hit of a blocked key until the block is over; then it starts at 1', async () => {
    const { clock, window } = make()
    window.hit('a', { windowMs: 1000 })
    expect(window.block('a', 5000)).toEqual({ count: 1, resetMs: 5000, refused: true })
    await clock.advance(4000)
    expect(window.hit('a', { windowMs: 60_000, max: 10 })).toEqual({ count: 1, resetMs: 1000, refused: true })
    expect(window.look('a').refused).toBe(true)
    window.block('a', 10)
    expect(window.look('a').resetMs).toBe(1000)
    await clock.advance(1000)
    expect(window.hit('a', { windowMs: 1000, max: 10 })).toEqual({ count: 1, resetMs: 1000, refused: false })
  })

  it('forgets a key, its block too, or all of them', () => {
    const { window } = make()
    window.block('a', 5000)
    window.hit('b', { windowMs: 1000 })
    window.reset('a')
    expect(window.look('a')).toEqual({ count: 0, resetMs: 0, refused: false })
    window.clear()
    expect(window.size).toBe(0)
  })

  it('saturates', () => {
    const { window } = make()
    window.hit('a', { windowMs: 1000, n: 2 ** 20 - 1 })
    expect(window.hit('a', { windowMs: 1000 })).toEqual({ count: 2 ** 20 - 1, resetMs: 1000, refused: false })
    expect(window.hit('a', { windowMs: 1000, max: 2 ** 20 - 2 }).refused).toBe(true)
  })

  it("refuses a new key without room with onFull: 'deny', and tells when there is some", async () => {
    const { clock, window } = make({ capacity: 2, onFull: 'deny' })
    window.hit('a', { windowMs: 500 })
    window.hit('b', { windowMs: 1000 })
    expect(window.hit('c', { windowMs: 1000, max: 5 })).toEqual({ count: 0, resetMs: 500, refused: true })
    await clock.advance(500)
    expect(window.hit('c', { windowMs: 1000, max: 5 })).toEqual({ count: 1, resetMs: 1000, refused: false })
  })

  it("evicts the key whose window ends first with onFull: 'evict'", () => {
    const { window } = make({ capacity: 2 })
    window.hit('a', { windowMs: 500 })
    window.hit('b', { windowMs: 1000 })
    window.hit('c', { windowMs: 1000 })
    expect(['a', 'b', 'c'].map((key) => window.look(key).count)).toEqual([0, 1, 1])
  })

  it('is one table for all that have its name or its handle', () => {
    const name = `windows-${process.pid}`
    const first = new KeyedWindow({ capacity: 10, name })
    first.hit(1, { windowMs: 60_000 })
    expect(new KeyedWindow({ capacity: 10, name }).look(1).count).toBe(1)
    expect(() => new KeyedWindow({ capacity: 11, name })).toThrow(`the name '${name}'`)
    const { port1, port2 } = new MessageChannel()
    const own = new KeyedWindow({ capacity: 10, onFull: 'deny' })
    own.hit('x', { windowMs: 60_000 })
    port1.postMessage(own.share())
    const handle = (receiveMessageOnPort(port2) as { message: KeyedWindowHandle }).message
    expect(KeyedWindow.from(handle).hit('x', { windowMs: 60_000 }).count).toBe(2)
    port1.close()
  })

  it.each([
    [{}, 'capacity'],
    [{ capacity: 0 }, 'capacity'],
    [{ capacity: 10, onFull: 'drop' }, 'onFull'],
    [{ capacity: 10, scope: 'machine' }, 'name'],
    [{ capacity: 10, size: 3 }, 'size'],
  ])('refuses the options %j', (options, named) => {
    expect(() => new KeyedWindow(options as never)).toThrow(named)
  })

  it.each([
    [{}, 'windowMs'],
    [{ windowMs: 0 }, 'windowMs'],
    [{ windowMs: Infinity }, 'windowMs'],
    [{ windowMs: 1000, n: 0 }, 'n must'],
    [{ windowMs: 1000, n: 1.5 }, 'n must'],
    [{ windowMs: 1000, max: -1 }, 'max'],
    [{ windowMs: 1000, max: 2 ** 20 }, 'max'],
    [{ windowMs: 1000, extend: 'always' }, 'extend'],
    [{ windowMs: 1000, window: 3 }, 'window'],
  ])('refuses a hit with %j and counts nothing', (options, named) => {
    const { window } = make()
    expect(() => window.hit('a', options as never)).toThrow(named)
    expect(window.size).toBe(0)
  })

  it('refuses keys that are none, foreign handles, and use after it was disposed', () => {
    const { window } = make()
    for (const key of [undefined, null, NaN, {}, 'x'.repeat(70_000)])
      expect(() => window.hit(key as never, { windowMs: 10 })).toThrow('key')
    expect(() => KeyedWindow.from({ kind: 'amorsize.KeyedRateLimiter' } as never)).toThrow('KeyedWindow.share()')
    window[Symbol.dispose]()
    expect(() => window.look('a')).toThrow('disposed')
  })
})
