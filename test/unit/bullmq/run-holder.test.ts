import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { hasDied, ownHolder } from '../../../dist/bullmq/run-holder.js'
import { makeZombie } from '../../support/zombie.js'

const isLinux = process.platform === 'linux'

describe('the holder of a run', () => {
  it('has not died while its process is there', () => {
    expect(hasDied(ownHolder())).toBe(false)
  })

  it.runIf(isLinux)(
    'has died when its process has ended, or its id is another process by now (needs /proc)',
    async () => {
      const child = spawn(process.execPath, ['-e', ''])
      const pid = child.pid!
      await once(child, 'close')
      expect(hasDied({ ...ownHolder(), pid })).toBe(true)
      expect(hasDied({ ...ownHolder(), started: '1' })).toBe(true)
    },
  )

  it.runIf(isLinux)('has died when nobody waits for the end of its process (needs /proc)', async () => {
    const { pid, started, bury } = await makeZombie()
    expect(hasDied({ ...ownHolder(), pid, started })).toBe(true)
    bury()
  })

  it.each([
    ['another machine of the same name', { boot: 'another' }],
    ['another container of the same name', { namespace: 'pid:[1]' }],
    ['a system that does not tell', { boot: undefined, namespace: undefined }],
  ])('is not known to have died on %s', async (_, place) => {
    const child = spawn(process.execPath, ['-e', ''])
    const pid = child.pid!
    await once(child, 'close')
    expect(hasDied({ ...ownHolder(), pid, ...place })).toBe(false)
  })
})
