import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { Living } from '../../../dist/memory/machine/living.js'
import { describeMachine, filesOf, machineName, runScript, startScript } from '../../support/machine.js'

/** Why a command that starts a process in other namespaces cannot run here; null when it can. */
function obstacle(before: readonly string[]): string | null {
  const [command = '', ...rest] = before
  const { status, error, stderr } = spawnSync(command, [...rest, 'true'], { encoding: 'utf8' })
  return status === 0 ? null : (error?.message ?? stderr.trim())
}

const copies: string[] = []
afterAll(() => copies.forEach((copy) => rmSync(copy, { recursive: true, force: true })))

/** A copy of the package for users who may not enter this one: it may lie in somebody's home. Its entry, as a URL. */
function copyForEverybody(): string {
  const root = join(import.meta.dirname, '../../..')
  const copy = mkdtempSync(join(tmpdir(), 'amorsize-for-everybody-'))
  copies.push(copy)
  for (const part of ['package.json', 'dist/bundle', 'dist/memory', 'dist/internal', 'build/Release/amorsize.node'])
    cpSync(join(root, part), join(copy, part), { recursive: true, dereference: true })
  execFileSync('chmod', ['-R', 'a+rX', copy])
  return pathToFileURL(join(copy, 'dist', 'bundle', 'index.js')).href
}

const COUNT_PERMITS = `
  const { bulkhead } = await import(from)
  const two = bulkhead({ maxConcurrent: 2, maxQueue: 0, name, scope: 'machine' })
  let n = 0
  try { for (;;) { await two.acquire(); n++ } } catch (error) { say([n, error.name]) }`

const policyOf = (name: string) => ({ name, scope: 'machine', requestsPerSecond: 1e-6, burstSize: 5 }) as const
const DRAIN = 'let n = 0; while (limiter.tryAcquire()) n++; say(n)'

/** A test in other namespaces, skipped with the system's own reason where it cannot make them. */
function itIn(before: readonly string[], what: string, body: (before: readonly string[]) => Promise<void>): void {
  const reason = obstacle(before)
  const title = `${before.filter((word) => !word.includes(' ')).join(' ')}: ${what}`
  if (reason === null) it(title, () => body(before))
  else it.skip(`${title} (${reason})`, () => undefined)
}

describeMachine('processes in other namespaces', () => {
  const shares = async (before: readonly string[]): Promise<void> => {
    const policy = policyOf(machineName())
    expect(new RateLimiter(policy).tryAcquire(3)).toBe(true)
    expect(await runScript(policy, DRAIN, before)).toBe(2)
  }
  // Names are files of /dev/shm, which belongs to the mount namespace; System V's IPC namespace has no part in them.
  itIn(['unshare', '--ipc'], 'share a name', shares)
  itIn(['unshare', '--pid', '--fork'], 'share a name', shares)
  itIn(['unshare', '--net', '--uts'], 'share a name', shares)
  itIn(['unshare', '--mount'], 'share a name while they see the same /dev/shm', shares)

  const ownMemory = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"', 'sh']
  itIn(ownMemory, 'with a /dev/shm of their own, as containers have, share nothing', async (before) => {
    const policy = policyOf(machineName())
    const mine = new RateLimiter(policy)
    expect(await runScript(policy, DRAIN, before)).toBe(5)
    expect(mine.getAvailableTokens()).toBe(5)
  })

  const noBoot = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc/sys && exec "$@"', 'sh']
  itIn(
    noBoot,
    'where nothing tells the boot of the machine get an error, and take nobody his memory',
    async (before) => {
      const policy = policyOf(machineName())
      const mine = new RateLimiter(policy)
      mine.tryAcquire(3)
      const code = `const policy = ${JSON.stringify(policy)}
      try { say(new RateLimiter(policy).tryAcquire()) } catch ({ reason, message }) { say([reason, message]) }`
      const [reason, message] = (await runScript(null, code, before)) as [string, string]
      expect([reason, message]).toEqual(['unavailable', expect.stringContaining('/proc/sys/kernel/random/boot_id')])
      expect(await runScript(policy, DRAIN, [])).toBe(2)
    },
  )

  const fullMemory = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=4k none /dev/shm && exec "$@"', 'sh']
  itIn(fullMemory, 'where the memory is full get an error, and nothing half-created is left', async (before) => {
    const policy = policyOf(machineName())
    const code = `
      const attempt = () => { try { new RateLimiter(policy) } catch (error) { return error.reason } }
      const { readdirSync } = await import('node:fs')
      say([attempt(), attempt(), readdirSync('/dev/shm')])`
    expect(await runScript(null, `const policy = ${JSON.stringify(policy)}; ${code}`, before)).toEqual([
      'full',
      'full',
      [],
    ])
  })

  const noMemory = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', 'sh']
  itIn(noMemory, 'where it cannot be written get an error', async (before) => {
    expect(await runScript(policyOf(machineName()), DRAIN, before)).toMatchObject({
      error: { name: 'SharedMemoryError', reason: 'unavailable' },
    })
  })

  itIn(['unshare', '--time', '--fork', '--monotonic', '1000'], 'on another clock are refused', async (before) => {
    const policy = policyOf(machineName())
    const mine = new RateLimiter(policy)
    expect(await runScript(policy, DRAIN, before)).toMatchObject({ error: { reason: 'unavailable' } })
    expect(mine.tryAcquire(5)).toBe(true)
  })

  itIn(['setpriv', '--reuid=12345', '--clear-groups'], 'another user has names of his own', async (before) => {
    const policy = policyOf(machineName())
    const mine = new RateLimiter(policy)
    expect(await runScript(policy, DRAIN, before, copyForEverybody())).toBe(5)
    expect(mine.getAvailableTokens()).toBe(5)
    expect(filesOf(policy.name)).toHaveLength(2)
  })

  itIn(
    ['unshare', '--user'],
    'another user namespace without a user has a name of its own, or none',
    async (before) => {
      const policy = policyOf(machineName())
      const mine = new RateLimiter(policy)
      const outcome = await runScript(policy, DRAIN, before)
      if (outcome !== 5) expect(outcome).toMatchObject({ error: { name: 'SharedMemoryError' } })
      expect(mine.getAvailableTokens()).toBe(5)
    },
  )

  it('a process that could not tell when it started is told by its number alone', () => {
    const living = new Living()
    expect(living.includes(BigInt(process.pid), 0n)).toBe(true)
    expect(living.includes((7n << 22n) | BigInt(process.pid), 0n)).toBe(false)
  })

  // In a process of its own group the other one runs, but /proc/<pid> is not there: hidepid, or ProtectProc= of systemd.
  const as = (group: number): string[] => ['setpriv', '--reuid=54321', `--regid=${group}`, '--clear-groups']
  const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', 'sh']
  itIn([...hidden, ...as(54322)], 'a process that /proc hides keeps its permits', async () => {
    const from = copyForEverybody()
    const code = `const from = ${JSON.stringify(from)}, name = ${JSON.stringify(machineName())}; ${COUNT_PERMITS}`
    const holder = startScript(null, `${code}; await new Promise(() => setInterval(() => {}, 1e6))`, as(54322), from)
    expect(await holder.next()).toEqual([2, 'BulkheadRejectedError'])
    const permits = (): Promise<unknown> => runScript(null, code, [...hidden, ...as(54321)], from)
    const living = new URL('../memory/machine/living.js', from).href
    const isListed = (): Promise<unknown> => {
      const ask = `say(new Living().includes(${(7n << 22n) | BigInt(holder.child.pid!)}n, 0n))`
      return runScript(null, `const { Living } = await import('${living}'); ${ask}`, [...hidden, ...as(54321)], from)
    }
    expect(await permits()).toEqual([0, 'BulkheadRejectedError'])
    expect(await isListed()).toBe(true)
    holder.child.kill('SIGKILL')
    await holder.ended
    expect(await permits()).toEqual([2, 'BulkheadRejectedError'])
    expect(await isListed()).toBe(false)
  })
})
