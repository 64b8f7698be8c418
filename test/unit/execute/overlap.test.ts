import { describe, expect, it } from 'vitest'
import { Overlap } from '../../../dist/execute/lanes/overlap.js'

/** A thread whose time passes as it is told. */
class Thread {
  idle = 1000
  active = 500

  eventLoopUtilization(): { idle: number; active: number } {
    return { idle: this.idle, active: this.active }
  }

  pass(computesMs: number, waitsMs: number): this {
    this.active += computesMs
    this.idle += waitsMs
    return this
  }
}

function begun(isKnown = false): { thread: Thread; overlap: Overlap } {
  const thread = new Thread()
  return { thread, overlap: new Overlap(isKnown, thread) }
}

describe('the first item', () => {
  it('has the thread to itself until it has settled, or the thread has had nothing to do for 2 ms', () => {
    const { thread, overlap } = begun()
    expect([overlap.most, overlap.isFree]).toEqual([1, undefined])
    thread.pass(50, 1.5)
    expect([overlap.release(), overlap.most]).toEqual([false, 1])
    thread.pass(0, 0.5)
    expect([overlap.release(), overlap.most, overlap.isFree]).toEqual([true, Infinity, undefined])
  })

  it('has not for ever a thread that others keep busy', () => {
    const { thread, overlap } = begun()
    const looks = Array.from({ length: 10 }, () => {
      thread.pass(2, 0)
      return overlap.release()
    })
    expect(looks).toEqual([...Array.from({ length: 9 }, () => false), true])
    expect(overlap.most).toBe(Infinity)
  })

  it('has others beside it at once where earlier runs have shown that they compute little', () => {
    expect(begun(true).overlap).toMatchObject({ most: Infinity, isFree: undefined })
  })

  it('lets all others begin if it was short', () => {
    const { overlap } = begun()
    overlap.settled(0.9, 1)
    expect([overlap.most, overlap.isFree]).toEqual([Infinity, true])
  })

  it('lets all others begin if it computed for less than a millisecond', () => {
    const { thread, overlap } = begun()
    thread.pass(0.9, 30)
    overlap.settled(30.9, 1)
    expect([overlap.most, overlap.isFree]).toEqual([Infinity, true])
    const another = begun()
    another.thread.pass(1, 30)
    another.overlap.settled(31, 1)
    expect(another.overlap.most).toBe(61)
  })

  it('is judged by its beginning where the thread tells nothing: its event loop has not begun yet', () => {
    const { overlap } = begun()
    overlap.began(5)
    overlap.settled(105, 1)
    expect([overlap.most, overlap.isFree]).toEqual([41, false])
  })

  it('keeps the others waiting if it only computed', () => {
    const { thread, overlap } = begun()
    thread.pass(40, 1)
    overlap.settled(41, 1)
    expect([overlap.most, overlap.isFree]).toEqual([1, false])
    // It is too late to release it.
    thread.pass(0, 5)
    expect([overlap.release(), overlap.most]).toEqual([true, 1])
  })

  it('lets as many begin as keep the thread busy if it computed and waited', () => {
    const { thread, overlap } = begun()
    thread.pass(10, 95)
    overlap.settled(105, 1)
    expect([overlap.most, overlap.isFree]).toEqual([20, false])
  })
})

describe('the items after it', () => {
  it('may not overlap once one has computed for long, many as there may be under way', () => {
    const { thread, overlap } = begun()
    thread.pass(0, 20)
    overlap.release()
    thread.pass(40, 0)
    overlap.settled(60, 64)
    // It waited for 20 ms, as far as its own time tells.
    expect(overlap.most).toBe(2)
    thread.pass(40, 0)
    overlap.settled(100, 63)
    expect(overlap.most).toBe(1)
  })

  it('overlap more while the thread is idle for a tenth of the time, and less while it is not', () => {
    const { thread, overlap } = begun()
    thread.pass(2, 0)
    overlap.settled(2, 1)
    expect(overlap.most).toBe(1)
    thread.pass(2, 30)
    overlap.settled(32, 1)
    expect(overlap.most).toBe(31)
    thread.pass(2, 0.2)
    overlap.settled(40, 16)
    expect(overlap.most).toBe(30)
    for (let i = 0; i < 200; i++) {
      thread.pass(2, 0)
      overlap.settled(40, 14)
    }
    expect([overlap.most, overlap.busy]).toEqual([1, 1])
  })

  it('overlap freely when they have become short, and not when they have become long', () => {
    const { thread, overlap } = begun()
    thread.pass(40, 0)
    overlap.settled(40, 1)
    for (let i = 0; i < 8; i++) {
      thread.pass(0.1, 0.9)
      overlap.settled(1, 1)
    }
    expect([overlap.most, overlap.isFree]).toEqual([Infinity, true])
    thread.pass(40, 0)
    overlap.settled(40, 64)
    expect([overlap.most, overlap.isFree]).toEqual([1, false])
  })

  it('overlap freely when only the first was long, since it was compiled, and the others are too short to look at', () => {
    const { thread, overlap } = begun()
    thread.pass(32, 0)
    overlap.settled(32, 1)
    const most = Array.from({ length: 6 }, () => {
      thread.pass(0.1, 0.3)
      overlap.settled(0.4, 1)
      return overlap.most
    })
    expect(most).toEqual([1, 1, 1, 1, 1, Infinity])
  })

  it('do not overlap again because many that have computed end in one moment', () => {
    const { thread, overlap } = begun()
    thread.pass(0, 30)
    overlap.release()
    // They have waited for the same, and then computed one after another.
    thread.pass(64 * 20, 0)
    for (let inFlight = 64; inFlight > 0; inFlight--) {
      overlap.settled(30 + 64 * 20, inFlight)
      thread.pass(0.01, 0)
      expect([overlap.most, overlap.isFree]).toEqual([1, false])
    }
  })

  it('are not charged with what others have computed when they were begun', () => {
    const { thread, overlap } = begun()
    thread.pass(0, 2)
    overlap.release()
    // Twenty were begun while the first waited: each has computed for 5 ms, and waits for 100 ms then.
    for (let i = 0; i < 20; i++) {
      thread.pass(5, 0)
      overlap.began(5)
    }
    expect(overlap.busy).toBeUndefined()
    overlap.settled(105, 21)
    expect([overlap.most, overlap.isFree, overlap.busy]).toEqual([41, false, 41])
    // Fewer are let begin while no wait can be seen; what was seen of it stands.
    thread.pass(5, 0)
    overlap.began(5)
    overlap.settled(105, 21)
    expect([overlap.most, overlap.busy]).toEqual([40, 41])
  })

  it('overlap less more slowly each time that this has made the thread idle', () => {
    const { thread, overlap } = begun()
    const untilIdle = (): number => {
      for (let i = 0; i < 2; i++) {
        thread.pass(5, 10)
        overlap.settled(15, 3)
        expect(overlap.most).toBe(5)
      }
      let items = 0
      for (; overlap.most > 3; items++) {
        thread.pass(5, 0)
        overlap.settled(15, 3)
      }
      return items
    }
    expect(Array.from({ length: 6 }, untilIdle)).toEqual([3, 6, 12, 23, 46, 46])
  })

  it('overlap as before where waits of several end in one moment', () => {
    const { thread, overlap } = begun()
    thread.pass(20, 100)
    overlap.settled(120, 1)
    expect(overlap.most).toBe(11)
    // Some have waited while one computed, and end together.
    thread.pass(20, 0)
    for (let i = 0; i < 5; i++) {
      overlap.settled(120, 5)
      thread.pass(0.05, 0)
      expect(overlap.most).toBeGreaterThanOrEqual(10)
    }
  })

  it('go on, one at a time, where others compute more in this thread than they take', () => {
    const { thread, overlap } = begun()
    thread.pass(50, 20)
    overlap.settled(5, 1)
    expect(overlap.most).toBe(1)
  })

  it('have waited and computed for the mean of all that have settled since the last look', () => {
    const { thread, overlap } = begun()
    for (let i = 0; i < 3; i++) overlap.settled(0.5, 4)
    thread.pass(20, 60)
    overlap.settled(100, 4)
    // Each has computed for 5 ms, half of which counts so far, and has waited for 75 ms.
    expect(overlap.most).toBe(61)
  })

  it('are not taken for long ones because many short ones came before', () => {
    const { thread, overlap } = begun()
    for (let i = 0; i < 99; i++) overlap.settled(0.1, 64)
    thread.pass(50, 10)
    overlap.settled(20, 64)
    expect(overlap.most).toBe(Infinity)
  })
})
