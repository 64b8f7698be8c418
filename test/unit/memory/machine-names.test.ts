import { chmodSync, chownSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RateLimiter, SharedMemoryError } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { describeMachine, filesOf, machineName, removeLater, runScript } from '../../support/machine.js'
import { addonForbidden } from '../../support/native.js'
import { drain } from '../../support/limiters.js'

const ALMOST_NEVER = 1e-6
const policyOf = (name: string) => ({ name, scope: 'machine', requestsPerSecond: ALMOST_NEVER, burstSize: 5 }) as const

const errorOf = (policy: object): unknown => {
  try {
    return new RateLimiter(policy)
  } catch (error) {
    return error
  }
}

describe('a name of the machine', () => {
  it.each([
    ['', RangeError, 'name must not be empty; received "" (string)'],
    ['a/b', RangeError, 'name must hold neither a slash nor NUL'],
    ['a\0b', RangeError, 'name must hold neither a slash nor NUL'],
    ['x'.repeat(201), RangeError, 'name must be at most 200 characters long; received 201'],
    ['\ud800', RangeError, 'name must be well-formed Unicode'],
    [7, TypeError, 'name must be a string; received 7 (number)'],
    [undefined, TypeError, "scope 'machine' needs a name"],
  ])('%j is refused', (name, kind, message) => {
    const error = errorOf({ name, scope: 'machine' }) as Error
    expect(error).toBeInstanceOf(kind)
    expect(error.message).toContain(message)
  })

  it('on a clock of the caller is of this thread alone, and apart from the same name of the process', () => {
    const clock = new FakeClock()
    const policy = { ...policyOf(machineName()), clock }
    const [one, two] = [new RateLimiter(policy), new RateLimiter(policy)]
    expect([drain(one), drain(two)]).toEqual([5, 0])
    expect(drain(new RateLimiter({ ...policy, scope: 'process' }))).toBe(5)
    expect(filesOf(policy.name)).toEqual([])
  })

  it.runIf(addonForbidden)(
    'is refused without the addon, rather than limiting this process alone (needs AMORSIZE_NATIVE=0)',
    () => {
      expect(errorOf(policyOf(machineName()))).toMatchObject({
        code: 'ERR_SHARED_MEMORY',
        reason: 'unavailable',
        message: expect.stringContaining('addon'),
      })
    },
  )
})

describeMachine('the region of a name', () => {
  it('is one file of this user alone', () => {
    const name = machineName()
    const [one, two] = [new RateLimiter(policyOf(name)), new RateLimiter(policyOf(name))]
    expect([drain(one), drain(two)]).toEqual([5, 0])
    expect(filesOf(name)).toHaveLength(1)
    const { mode, uid } = statSync(filesOf(name)[0]!)
    expect([mode & 0o7777, uid]).toEqual([0o600, process.getuid!()])
  })

  it('is another than that of the same name in the process', () => {
    const name = machineName()
    expect(drain(new RateLimiter(policyOf(name)))).toBe(5)
    expect(drain(new RateLimiter({ ...policyOf(name), scope: 'process' }))).toBe(5)
  })

  it('takes the longest name, in any script', () => {
    for (const letter of ['x', 'я', '字', '🚦']) {
      const start = machineName()
      const name = start + letter.repeat(Math.floor((200 - start.length) / letter.length))
      expect([drain(new RateLimiter(policyOf(name))), drain(new RateLimiter(policyOf(name)))]).toEqual([5, 0])
      expect(filesOf(name)).toHaveLength(1)
    }
  })

  it('is opened by a handle too', () => {
    const one = new RateLimiter(policyOf(machineName()))
    expect([drain(RateLimiter.from(structuredClone(one.share()))), drain(one)]).toEqual([5, 0])
  })

  it('with other parameters is an error that holds the name and both sets, while somebody uses it', () => {
    const name = machineName()
    const one = new RateLimiter(policyOf(name))
    const error = errorOf({ ...policyOf(name), requestsPerSecond: 20, burstSize: 7 }) as SharedMemoryError
    expect(error).toMatchObject({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' })
    for (const text of [name, '0.000001', 'burstSize: 5', '20', '7', 'on this machine'])
      expect(error.message).toContain(text)
    expect(drain(one)).toBe(5)
  })

  it('that was removed is made again', () => {
    const name = machineName()
    const one = new RateLimiter(policyOf(name))
    rmSync(filesOf(name)[0]!)
    const two = new RateLimiter(policyOf(name))
    expect([drain(two), drain(one)]).toEqual([5, 5])
  })
})

describeMachine('what cannot be trusted is refused with its reason, and nothing crashes:', () => {
  /** The file of a region that this process does not hold mapped. */
  async function fileOf(name: string): Promise<string> {
    await runScript(policyOf(name), 'say(limiter.tryAcquire(5))')
    return removeLater(filesOf(name)[0]!)
  }
  const words = (values: Record<number, bigint>) => (file: string) => {
    const bytes = readFileSync(file)
    for (const [index, value] of Object.entries(values)) bytes.writeBigInt64LE(value, Number(index) * 8)
    writeFileSync(file, bytes)
  }
  const word = (index: number, value: bigint) => words({ [index]: value })
  /** An owner that no process here can judge, since it is of another PID namespace. */
  const stranger = { 96: (7n << 22n) | 7n, 97: 1n }
  const cutTo = (bytes: number) => (file: string) => truncateSync(file, bytes)
  const linkTo = (target: string) => (file: string) => {
    rmSync(file)
    symlinkSync(target, file)
  }

  it.each([
    ['another layout version', 'layout-version', word(1, 99n)],
    ['noise', 'not-a-region', (file: string) => writeFileSync(file, Buffer.alloc(4480, 0xa5))],
    ['a truncated file', 'not-a-region', cutTo(4200)],
    ['a longer file', 'not-a-region', cutTo(65536)],
    ['another kind of cells', 'not-a-region', word(3, 7n)],
    [
      'a smaller region in use',
      'parameters-differ',
      (file: string) => {
        cutTo(4160)(file)
        words({ 2: 65n, ...stranger })(file)
      },
    ],
    ['cells that begin with another kind', 'not-a-region', word(512, 7n)],
    ['cells of which the kind is not written, in use', 'not-a-region', words({ 512: 0n, ...stranger })],
    ['a clock of another namespace', 'unavailable', word(6, 1n)],
    ['a mode that lets others in', 'permission', (file: string) => chmodSync(file, 0o644)],
    ['a symbolic link', 'not-a-region', linkTo('/etc/hostname')],
  ])('%s', async (_what, reason, spoil) => {
    const name = machineName()
    spoil(await fileOf(name))
    expect(errorOf(policyOf(name))).toMatchObject({
      name: 'SharedMemoryError',
      code: 'ERR_SHARED_MEMORY',
      reason,
      message: expect.stringContaining(name),
    })
  })

  it.skipIf(process.getuid?.() !== 0)('a file of another user (needs root)', async () => {
    const name = machineName()
    chownSync(await fileOf(name), 12345, 12345)
    expect(errorOf(policyOf(name))).toMatchObject({ reason: 'permission' })
  })

  it('but one of another boot, or that nobody finished or changed to the end, is made anew', async () => {
    for (const spoil of [word(4, 12345n), word(0, 0n), word(512, 0n), cutTo(0)]) {
      const name = machineName()
      spoil(await fileOf(name))
      expect(drain(new RateLimiter(policyOf(name)))).toBe(5)
      expect(filesOf(name)).toHaveLength(1)
    }
  })

  it('and one whose parameters differ takes those of now, and keeps its tokens, when no process uses it any more', async () => {
    const name = machineName()
    await fileOf(name)
    expect(drain(new RateLimiter({ ...policyOf(name), burstSize: 6 }))).toBe(0)
    expect(await runScript(policyOf(name), 'say(0)')).toMatchObject({ error: { reason: 'parameters-differ' } })
  })

  it('takes those of the newcomer also where a process that has ended had changed them by update()', async () => {
    const name = machineName()
    await runScript(policyOf(name), 'limiter.update({ requestsPerSecond: 1e-3, burstSize: 1 }); say(0)')
    const limiter = new RateLimiter(policyOf(name))
    expect(limiter.policy).toMatchObject({ requestsPerSecond: ALMOST_NEVER, burstSize: 5 })
    limiter.update({ burstSize: 7 })
    // In use, it stays as it was changed.
    expect(await runScript(policyOf(name), 'say(limiter.policy.burstSize)')).toBe(7)
  })

  it('while the same parameters find the tokens as they were left', async () => {
    const name = machineName()
    await fileOf(name)
    expect(drain(new RateLimiter(policyOf(name)))).toBe(0)
  })
})
