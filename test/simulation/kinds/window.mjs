import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'

const KEYS = ['a', 'b', 'c']

/** A KeyedWindow that threads share. */
export class Window extends Subject {
  weights = { hit: 10, several: 3, unhit: 1, block: 1, reset: 1 }
  /** What hits were told, by key: the end of the window, and which hits of it theirs are. */
  #told = new Map()
  options = { capacity: 31 }

  constructor(play, index, { a, b }) {
    super(play, index)
    this.windowMs = pick([100, 40, 300], a)
    this.max = 1 + (b % 8)
  }

  make({ KeyedWindow }) {
    return new KeyedWindow(this.options)
  }
  open({ KeyedWindow }, handle) {
    return KeyedWindow.from(handle)
  }

  hit(thread, windows, op) {
    const key = pick(KEYS, op.a)
    const n = 1 + (op.b % 2)
    const { max, windowMs } = this
    const { count, resetMs, refused } = windows.hit(key, { windowMs, max, n })
    const endMs = thread.readMs + resetMs
    this.say(thread, `hit(${key}, ${n}): ${count}, until ${endMs.toFixed(3)}${refused ? ', refused' : ''}`)
    // The last key is blocked, forgotten, and its hits are taken back.
    if (key === KEYS[2]) return
    if (refused !== count > max) this.violated(`hit ${count} of ${max} is ${refused ? '' : 'not '}refused`)
    // A thread that was stopped may begin a window that is over by now, after others have forgotten it.
    if (this.play.nowMs >= endMs) return
    const told = this.#told.get(key) ?? []
    const same = told.find(
      (one) => Math.abs(one.endMs - endMs) < 5 && one.count > count - n && one.count - one.n < count,
    )
    if (same !== undefined)
      this.violated(`two hits of ${key} are number ${count} of the window until ${endMs.toFixed(3)}`)
    this.#told.set(key, [...told, { endMs, count, n }])
  }

  several(thread, windows, op) {
    for (let i = 0; i <= op.c % 6; i++) this.hit(thread, windows, op)
  }
  unhit(thread, windows) {
    windows.unhit(KEYS[2])
    this.say(thread, 'unhit(c)')
  }
  block(thread, windows, op) {
    windows.block(KEYS[2], 1 + (op.b % 200))
    this.say(thread, 'block(c)')
  }
  reset(thread, windows) {
    windows.reset(KEYS[2])
    this.say(thread, 'reset(c)')
  }

  *end(_thread, windows) {
    const { max, windowMs } = this
    const hit = (key) => windows.hit(key, { windowMs, max })
    for (const key of KEYS) {
      windows.reset(key)
      for (let i = 1; i <= max + 1; i++) {
        const { count, refused } = hit(key)
        if (count !== i || refused !== i > max)
          return `hit ${i} of ${max} of ${key} is counted as ${count}${refused ? ', refused' : ''}`
      }
    }
    yield windowMs + 2
    for (const key of KEYS) if (hit(key).count !== 1) return `a new window of ${key} does not begin at 1`
    return undefined
  }
}
