import { afterEach, describe, expect, it, vi } from 'vitest'
import { SharedMemoryError } from '../../../dist/errors.js'
import { MACHINE } from '../../../dist/memory/shared/layout.js'

type NamesModule = typeof import('../../../dist/memory/shared/machine-names.js')

const NATIVE = '../../../dist/internal/native.js'

/** The module as it is where `addon` has been loaded, or none. */
async function moduleWith(addon: object | null): Promise<NamesModule> {
  vi.doMock(NATIVE, () => ({ nativeAddon: () => addon }))
  vi.resetModules()
  return await import('../../../dist/memory/shared/machine-names.js')
}

afterEach(() => {
  vi.doUnmock(NATIVE)
  vi.resetModules()
})

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

async function openWith(thrown: unknown): Promise<unknown> {
  const { openName } = await moduleWith(null)
  return thrownBy(() =>
    openName('a limit', () => {
      throw thrown
    }),
  )
}

const faultOf = (fault: string): Error =>
  Object.assign(new Error('as the system says'), { code: 'ERR_SHARED_MEMORY', fault, where: '/dev/shm/x' })

describe('opening a name', () => {
  it.each([
    ['unavailable', 'unavailable', 'this system lends no shared memory under a name (/dev/shm/x: as the system says)'],
    ['permission', 'permission', '/dev/shm/x does not belong to this user alone (as the system says)'],
    ['full', 'full', 'there is no room for another region (/dev/shm/x: as the system says)'],
    ['crowded', 'full', `as many processes use /dev/shm/x as it has room for (${MACHINE.ownerRows})`],
    ['not-a-region', 'not-a-region', "been damaged; 'amorsize shm remove /dev/shm/x' removes it"],
    ['other-version', 'layout-version', "none uses it any more, 'amorsize shm remove /dev/shm/x' removes it"],
    ['other-clock', 'unavailable', '/dev/shm/x was made in another time namespace'],
    ['busy', 'busy', 'another process is creating /dev/shm/x and does not finish'],
    ['other-size', 'parameters-differ', '/dev/shm/x was made with another size'],
  ])('tells of the fault %s', async (fault, reason, text) => {
    const cause = faultOf(fault)
    const error = (await openWith(cause)) as SharedMemoryError
    expect(error).toMatchObject({ name: 'SharedMemoryError', code: 'ERR_SHARED_MEMORY', reason, cause })
    expect(error.message).toContain(`the name 'a limit' cannot be shared: `)
    expect(error.message).toContain(text)
  })

  it.each([
    ['an error of another kind', new RangeError('planned')],
    ['an error of this package', new SharedMemoryError('planned', { reason: 'full' })],
    ['an error with another code', Object.assign(faultOf('full'), { code: 'ENOSPC' })],
    ['what is no error', { code: 'ERR_SHARED_MEMORY', fault: 'full', where: '/dev/shm/x' }],
    ['a text', 'planned'],
  ])('passes on %s', async (_what, thrown) => {
    expect(await openWith(thrown)).toBe(thrown)
  })

  it('gives what was opened', async () => {
    const { openName } = await moduleWith(null)
    expect(openName('a limit', () => 7)).toBe(7)
  })
})

describe('the addon for names of the machine', () => {
  it.each([
    ['is the one that is loaded', {}],
    ['is missed with an error where none is', null],
  ])('%s', async (_what, addon) => {
    const { addonForMachine } = await moduleWith(addon)
    const found = thrownBy(() => addonForMachine('a limit'))
    if (addon === null) {
      expect(found).toMatchObject({ code: 'ERR_SHARED_MEMORY', reason: 'unavailable' })
      expect((found as Error).message).toContain("the name 'a limit' cannot be shared with the machine")
    } else expect(found).toBe(addon)
  })
})
