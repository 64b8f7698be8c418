import { afterEach, describe, expect, it, vi } from 'vitest'
import { ModuleVersions } from '../../../dist/execute/transfer/module-versions.js'

afterEach(() => vi.restoreAllMocks())

// eslint-disable-next-line @typescript-eslint/no-implied-eval -- each is another function of the same text
const functionOf = (text: string): object => new Function(`return ${text}`)

/** Versions on a clock that is told the time, in seconds. */
function versions() {
  const all = new ModuleVersions()
  let seconds = 1
  vi.spyOn(performance, 'now').mockImplementation(() => seconds * 1000)
  return {
    all,
    /** A function with this text comes; @returns how many versions there were before it */
    comes(text: string, atSeconds: number, key = 'task'): number {
      seconds = atSeconds
      all.see(functionOf(text), key)
      return all.check()
    },
    at(atSeconds: number): number {
      seconds = atSeconds
      return all.check()
    },
  }
}

describe('the version of a module', () => {
  it('is new with another text, and with each task its own', () => {
    const { comes } = versions()
    expect([comes('1', 1), comes('2', 1), comes('3', 1), comes('3', 1, 'other')]).toEqual([0, 1, 2, 2])
  })

  it('is new with another function of the same text: what it uses may have changed', () => {
    const { all, comes } = versions()
    expect([comes('1', 1), comes('1', 5), comes('1', 60)]).toEqual([0, 1, 2])
    const same = functionOf('1')
    for (let i = 0; i < 3; i++) all.see(same, 'task')
    expect(all.check()).toBe(2)
  })

  it('is new for many of the same text each eight seconds at most, and in the end for the last of them', () => {
    const { comes, at } = versions()
    const seen = Array.from({ length: 400 }, (_, i) => comes('1', 1 + i / 10))
    const changes = seen.flatMap((version, i) => (version === seen[i - 1] ? [] : [i / 10]))
    expect(changes).toEqual([0, 0.1, 2.1, 6.1, 14.1, 22.1, 30.1, 38.1])
    const last = seen.at(-1) ?? 0
    expect([at(47), at(47.2), at(1000)]).toEqual([last, last + 1, last + 1])
  })
})
