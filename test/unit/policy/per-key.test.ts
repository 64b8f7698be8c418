import { circuitBreaker, perKey } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'

describe('perKey', () => {
  const make = (
    options: { maxKeys?: number; idleMs?: number; keepIf?: (value: object, key: string) => boolean } = {},
  ) => {
    const clock = new FakeClock()
    const made: string[] = []
    const things = perKey((key: string) => (made.push(key), {}), { maxKeys: 2, clock, ...options })
    return { clock, made, things }
  }

  it('makes one for each key, once', async () => {
    const breakers = perKey(() => circuitBreaker({ failureThreshold: 1 }), { maxKeys: 10 })
    await expect(breakers.get('a').execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect([breakers.get('a').state, breakers.get('b').state, breakers.size]).toEqual(['open', 'closed', 2])
    expect(breakers.get('a')).toBe(breakers.get('a'))
  })

  it('drops the one that was asked for longest ago, never one that must be kept', () => {
    const { made, things } = make()
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) things.get(key)
    expect(made).toEqual(['a', 'b', 'c', 'b'])
    expect(things.size).toBe(2)
    const kept = make({ keepIf: (_, key) => key === 'a' })
    for (const key of ['a', 'b', 'c', 'd', 'a']) kept.things.get(key)
    expect(kept.made).toEqual(['a', 'b', 'c', 'd'])
  })

  it('makes anew what was idle for so long, and forgets it when another is made', async () => {
    const { clock, made, things } = make({ maxKeys: 10, idleMs: 100 })
    things.get('a')
    await clock.advance(99)
    things.get('a')
    await clock.advance(100)
    things.get('b')
    expect(things.size).toBe(1)
    await clock.advance(100)
    things.get('b')
    expect(made).toEqual(['a', 'b', 'b'])
    expect([things.delete('b'), things.delete('b'), things.size]).toEqual([true, false, 0])
  })

  it('keeps what is idle but must be kept, at any time of the clock', async () => {
    const { clock, made, things } = make({ maxKeys: 10, idleMs: 100, keepIf: (_, key) => key === 'kept' })
    await clock.advance(1000)
    for (const key of ['kept', 'other', 'used']) things.get(key)
    await clock.advance(60)
    things.get('used')
    await clock.advance(60)
    for (const key of ['kept', 'other', 'used']) things.get(key)
    expect(made).toEqual(['kept', 'other', 'used', 'other'])
  })

  it('is within maxKeys again once nothing must be kept, and loses nothing where keepIf throws', async () => {
    let keep = true
    const { things } = make({ keepIf: () => keep })
    for (let key = 0; key < 100; key++) things.get(String(key))
    expect(things.size).toBe(100)
    keep = false
    const last = things.get('last')
    expect(things.size).toBe(2)
    expect(things.get('last')).toBe(last)

    let broken = true
    const idle = make({
      idleMs: 100,
      keepIf: () => {
        if (broken) throw new Error('broken')
        return true
      },
    })
    const kept = idle.things.get('kept')
    await idle.clock.advance(100)
    expect(() => idle.things.get('kept')).toThrow('broken')
    broken = false
    expect(idle.things.get('kept')).toBe(kept)
  })

  it('keeps nothing of a key whose making fails, and refuses bad options', () => {
    const failing = perKey(
      () => {
        throw new Error('no such host')
      },
      { maxKeys: 1 },
    )
    expect(() => failing.get('a')).toThrow('no such host')
    expect(failing.size).toBe(0)
    expect(() => perKey(() => 1, {} as { maxKeys: number })).toThrow(
      'maxKeys must be an integer >= 1 and <= 1e7; received undefined',
    )
    expect(() => perKey(() => 1, { maxKeys: 1, idleMs: 0 })).toThrow(
      'idleMs must be a finite number > 0, or Infinity; received 0 (number)',
    )
    expect(() => perKey(1 as never, { maxKeys: 1 })).toThrow('create must be a function; received 1 (number)')
  })
})
