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

  describe("keeps refused keys with onFull: 'evict', whatever comes", () => {
    const keys = Array.from({ length: 100 }, (_, n) => n)
    const others = Array.from({ length: 15_000 }, (_, n) => `other ${n}`)
    const refusedOf = async (
      max: number,
      spoil: (window: KeyedWindow) => void,
      flood: (window: KeyedWindow) => void,
    ) => {
      const { clock, window } = make({ capacity: 10_000 })
      spoil(window)
      // Their windows end first.
      await clock.advance(1000)
      flood(window)
      return keys.filter((key) => window.hit(key, { windowMs: 600_000, max }).refused).length
    }
    const hits =
      (times: number, max: number | undefined, which: readonly (string | number)[]) => (window: KeyedWindow) => {
        for (const key of which) for (let n = 0; n < times; n++) window.hit(key, { windowMs: 600_000, max })
      }
    it.each<[string, number, ReturnType<typeof hits>, ReturnType<typeof hits>]>([
      ['that have used up what they may', 5, hits(5, 5, keys), hits(1, 5, others)],
      ['that were refused', 5, hits(9, 5, keys), hits(1, 5, others)],
      ['that others come close to', 5, hits(5, 5, keys), hits(4, 5, others)],
      ['whose others have used up all but are not refused', 1, hits(2, 1, keys), hits(1, 1, others)],
      ['of which each may have more than the flood has', 5, hits(5, 5, keys), hits(8, 1000, others)],
      ['of a flood that tells no limit', 5, hits(5, 5, keys), hits(6, undefined, others)],
      ['that no hit tells the limit of', 5, hits(5, undefined, keys), hits(1, undefined, others)],
      [
        'of which a hit of another limit followed',
        5,
        (window) => [hits(5, 5, keys), hits(1, 9, keys)].forEach((act) => act(window)),
        hits(1, 5, others),
      ],
      [
        'of which the refused hits were taken back',
        5,
        (window) => {
          hits(9, 5, keys)(window)
          for (const key of keys) window.unhit(key, 4)
        },
        hits(4, 5, others),
      ],
      ['that are blocked', 5, (window) => keys.forEach((key) => window.block(key, 500_000)), hits(4, 5, others)],
      [
        'against others that are blocked, but end sooner',
        5,
        hits(6, 5, keys),
        (window) => others.forEach((key) => window.block(key, 1000)),
      ],
    ])('%s', async (_, max, spoil, flood) => {
      expect(await refusedOf(max, spoil, flood)).toBe(100)
    })
  })

  it('evicts of refused and blocked keys the one whose window ends first, and for each newcomer the last one', async () => {
    const { clock, window } = make({ capacity: 31 })
    for (let key = 0; key < 31; key++) {
      if (key % 2 === 0) window.block(key, 1000 + key)
      else window.hit(key, { windowMs: 1000 + key, max: 0 })
    }
    const left = () =>
      Array.from({ length: 31 }, (_, key) => key).filter(
        (key) => window.look(key).count > 0 || window.look(key).refused,
      )
    for (let n = 0; n < 1000; n++) window.hit(`fresh ${n}`, { windowMs: 2000, max: 2 })
    expect(left()).toEqual(Array.from({ length: 30 }, (_, n) => n + 1))
    // Refused itself, it is one of them.
    for (let n = 0; n < 2; n++) window.hit('fresh 999', { windowMs: 2000, max: 2 })
    window.hit('another', { windowMs: 2000 })
    expect([left(), window.look('fresh 999').count]).toEqual([Array.from({ length: 29 }, (_, n) => n + 2), 3])
    await clock.advance(1001)
    expect(window.hit('one more', { windowMs: 2000 }).refused).toBe(false)
  })

  it('evicts of keys with hits left the one that has the fewest, and a key of which all were taken back first', () => {
    const { window } = make({ capacity: 3 })
    window.hit('near', { windowMs: 500, n: 4, max: 5 })
    window.hit('given back', { windowMs: 9000, n: 5, max: 5 })
    window.unhit('given back', 5)
    window.hit('some', { windowMs: 9000, n: 2, max: 5 })
    const there = () => ['near', 'given back', 'some'].filter((key) => window.look(key).resetMs > 0)
    window.hit('x', { windowMs: 9000, n: 3, max: 5 })
    expect(there()).toEqual(['near', 'some'])
    window.hit('y', { windowMs: 9000, n: 3, max: 5 })
    expect(there()).toEqual(['near'])
  })

  it('tells no more of a window than it lasts, at whatever fraction of a millisecond it begins', async () => {
    for (const after of [0, 0.3, 0.5, 0.999_999]) {
      const { clock, window } = make()
      await clock.advance(after)
      const hit = (key: string, extend?: 'refused' | 'double') =>
        window.hit(key, { windowMs: 1000, max: 1, extend }).resetMs
      expect([hit('a'), hit('a'), window.look('a').resetMs, window.block('b', 1000).resetMs], String(after)).toEqual([
        1000, 1000, 1000, 1000,
      ])
      expect([hit('c'), hit('c', 'double'), hit('c', 'double'), hit('d'), hit('d', 'refused')], String(after)).toEqual([
        1000, 1000, 2000, 1000, 1000,
      ])
      // Never over before its time.
      await clock.advance(999.999)
      expect([hit('a'), window.look('b').refused]).toEqual([
        expect.closeTo(0.001 + (after > 0 ? 1 - after : 0), 5),
        true,
      ])
      expect(window.look('a').count).toBe(3)
    }
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
