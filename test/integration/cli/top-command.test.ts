import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { circuitBreaker, RateLimiter } from '../../../dist/index.js'
import {
  describeMachine,
  DIRECTORY,
  filesOf,
  machineName,
  removeLater,
  runScript,
  startScript,
} from '../../support/machine.js'
import { isUnused } from '../../../dist/cli/commands/shm.js'
import { readMachine } from '../../../dist/memory/machine/view.js'
import { hasPython, onTerminal } from '../support/terminal.js'
import { amorsize, main } from '../support/command-line.js'

const policyOf = (name: string) => ({ name, scope: 'machine', requestsPerSecond: 1e-6, burstSize: 100 }) as const

describeMachine('amorsize top', () => {
  it('shows every name with its processes, tokens and debt', async () => {
    const name = machineName()
    const limiter = new RateLimiter(policyOf(name))
    limiter.tryAcquire(30)
    const other = startScript(policyOf(name), 'limiter.tryAcquire(30); say(0); setInterval(() => limiter, 1e6)')
    await other.next()
    limiter.reserve(60)
    const { code, stdout, stderr } = await amorsize(['top', '--once', '--json', '--filter', name])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { names } = JSON.parse(stdout)
    expect(names).toEqual([
      expect.objectContaining({
        name,
        kind: 'limiter',
        state: 'ready',
        requestsPerSecond: 1e-6,
        burstSize: 100,
        tokens: 0,
        pausedMs: null,
        file: filesOf(name)[0],
        bytes: statSync(filesOf(name)[0]!).size,
      }),
    ])
    expect(names[0].debt).toBeCloseTo(20, 3)
    expect(names[0].processes.sort()).toEqual([process.pid, other.child.pid].sort())

    other.child.kill('SIGKILL')
    await other.ended
    const { stdout: table } = await amorsize(['top', '--once', '--filter', name])
    const lines = table.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^NAME +KIND +PROCESSES +RATE\/S/)
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatch(new RegExp(`^${name} +limiter +1 .* ${process.pid}$`))
    expect(table).not.toContain('\u001b')
    const { stdout: none } = await amorsize(['top', '--once', '--filter', `${name} and more`])
    expect(none).toBe('No name holds the filter.\n')
  })

  it('tells what callers of all processes wait for, and how long the next one would', async () => {
    const policy = { ...policyOf(machineName()), requestsPerSecond: 0.01, burstSize: 10 }
    const limiter = new RateLimiter(policy)
    limiter.tryAcquire(10)
    const WAIT =
      'for (let i = 0; i < 3; i++) limiter.acquire(2).catch(() => undefined); setTimeout(() => say(0), 100); setInterval(() => limiter, 1e6)'
    const others = [startScript(policy, WAIT), startScript(policy, WAIT)]
    for (const other of others) await other.next()
    const { stdout } = await amorsize(['top', '--once', '--json', '--filter', policy.name])
    const { names } = JSON.parse(stdout) as { names: [{ waiting: number; debt: number; retryAfterMs: number }] }
    const [{ waiting, debt, retryAfterMs }] = names
    // Whoever is next has a reservation: a debt. All others wait.
    expect(waiting + debt).toBeCloseTo(12, 0)
    expect(waiting).toBeGreaterThan(0)
    // A token in 100 s; some time has passed.
    expect(retryAfterMs).toBeLessThanOrEqual(1_300_000)
    expect(retryAfterMs).toBeGreaterThan(1_200_000)
    expect(limiter.retryAfterMs()).toBeCloseTo(retryAfterMs, -5)
    for (const other of others) other.child.kill('SIGKILL')
    await Promise.all(others.map(({ ended }) => ended))
  })

  it('tells what was allowed and denied, of all processes', async () => {
    const policy = policyOf(machineName())
    await Promise.all([1, 2].map(() => runScript(policy, 'for (let i = 0; i < 60; i++) limiter.tryAcquire(); say(0)')))
    const { stdout } = await amorsize(['top', '--once', '--json', '--filter', policy.name])
    expect(JSON.parse(stdout).names[0]).toMatchObject({ allowed: 100, denied: 20, processes: [], allowedPerSecond: 0 })
  })

  it('tells the state of a breaker', async () => {
    const name = machineName()
    const breaker = circuitBreaker({ name, scope: 'machine', failureThreshold: 1, resetTimeoutMs: 60_000 })
    const look = async (): Promise<unknown> =>
      JSON.parse((await amorsize(['top', '--once', '--json', '--filter', name])).stdout).names[0]
    expect(await look()).toMatchObject({
      name,
      kind: 'breaker',
      breaker: 'closed',
      tokens: null,
      processes: [process.pid],
    })
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
    expect(await look()).toMatchObject({ breaker: 'open' })
    breaker.isolate()
    expect(await look()).toMatchObject({ breaker: 'isolated' })
    expect((await amorsize(['top', '--once', '--filter', name])).stdout).toMatch(/ isolated +\d+$/m)
    breaker.close()
    expect(await look()).toMatchObject({ breaker: 'closed' })
  })

  it('tells the rates of a program that runs', async () => {
    const policy = { ...policyOf(machineName()), requestsPerSecond: 500, burstSize: 10 }
    const busy = startScript(
      policy,
      'setInterval(() => { for (let i = 0; i < 40; i++) limiter.tryAcquire() }, 20); say(0)',
    )
    await busy.next()
    const top = spawn(process.execPath, [main, 'top', '--json', '--interval', '200', '--filter', policy.name])
    let text = ''
    for await (const chunk of top.stdout.setEncoding('utf8')) {
      text += chunk as string
      if (text.split('\n').length > 10) break
    }
    top.kill('SIGTERM')
    busy.child.kill('SIGKILL')
    const looks = text
      .trimEnd()
      .split('\n')
      .slice(0, 10)
      .map((line) => (JSON.parse(line) as { names: { allowedPerSecond: number; deniedPerSecond: number }[] }).names[0])
    const last = looks.at(-1)!
    // 500 where the program gets the time it asks for; it asks for 2,000.
    expect(last.allowedPerSecond).toBeGreaterThan(50)
    expect(last.allowedPerSecond).toBeLessThan(1000)
    expect(last.deniedPerSecond).toBeGreaterThan(50)
  })

  it.skipIf(!hasPython)('shows names on a terminal that tells no size (needs python3)', () => {
    const name = machineName()
    const limiter = new RateLimiter(policyOf(name))
    const shown = onTerminal([main, 'top', '--filter', name], { awaited: name, keys: 'q' })
    expect(shown).toContain('amorsize top  1 of ')
    expect(shown).toContain(`\r\n${name}  `)
    limiter[Symbol.dispose]()
  })

  it('says so when there is nothing', async () => {
    const { code, stdout } = await amorsize(['top', '--filter', 'no-such-name-anywhere'])
    expect(code).toBe(0)
    expect(stdout).toContain('No name')
  })

  it('shows what is damaged rather than fail', async () => {
    const name = machineName()
    await runScript(policyOf(name), 'say(0)')
    const file = removeLater(filesOf(name)[0]!)
    for (const [bytes, state] of [
      [Buffer.alloc(4480, 0xff), 'not-a-region'],
      [Buffer.alloc(100), 'unfinished'],
      [Buffer.alloc(0), 'unfinished'],
    ] as const) {
      writeFileSync(file, bytes)
      const { code, stdout } = await amorsize(['shm', 'list', '--json'])
      expect(code).toBe(0)
      const entries = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
      expect(entries).toContainEqual(expect.objectContaining({ file, state, name: null }))
      expect((await amorsize(['top', '--once'])).stdout).toContain(state)
    }
    expect(await amorsize(['shm', 'remove', file])).toMatchObject({ code: 0 })
    expect(existsSync(file)).toBe(false)
  })

  it('lets a file that somebody planted hide nothing', async () => {
    const name = machineName()
    await runScript(policyOf(name), 'say(0)')
    const planted = removeLater(`${DIRECTORY}/amorsize.${process.geteuid!()}.1.${name}`)
    writeFileSync(planted, '', { mode: 0o600 })
    truncateSync(planted, 4100)
    for (const args of [
      ['top', '--once', '--json'],
      ['shm', 'list', '--json'],
    ]) {
      const { code, stdout } = await amorsize(args)
      expect(code).toBe(0)
      expect(stdout).toContain(`"name":"${name}"`)
      expect(stdout).toContain(`"file":"${planted}"`)
    }
    const folder = removeLater(`${planted}.folder`)
    mkdirSync(folder)
    expect(await amorsize(['shm', 'remove', folder])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be removed'),
    })
    expect(await amorsize(['shm', 'remove', planted])).toMatchObject({ code: 0 })
    expect(await amorsize(['shm', 'remove', name])).toMatchObject({ code: 0 })
  })

  it('prints no codes for terminals that a file or a name holds', async () => {
    const codes = '\u001b]0;owned\u0007\u009b2J\u202e'
    const folder = removeLater(`${DIRECTORY}/amorsize.${process.geteuid!()}.1.${machineName()}${codes}`)
    mkdirSync(folder)
    const name = `${machineName()}${codes}`
    await runScript(policyOf(name), 'say(0)')
    const isObeyed = /[\p{Cc}\p{Bidi_Control}]/u
    for (const args of [
      ['shm', 'list'],
      ['shm', 'list', '--json'],
      ['top', '--once'],
      ['top', '--once', '--json'],
      ['shm', 'remove', folder],
      ['shm', 'remove', name],
    ]) {
      const { stdout, stderr } = await amorsize(args)
      expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(isObeyed)
      expect(stdout + stderr).toContain('owned')
      if (!args.includes('list') || !args.includes('--json')) continue
      const files = stdout
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { file: string }).file]))
      expect(files).toContain(folder)
    }
  })

  it.skipIf(!hasPython)('prints metrics on a terminal without codes that a name holds (needs python3)', () => {
    const name = `${machineName()}\u001b]0;owned\u0007`
    const limiter = new RateLimiter(policyOf(name))
    const shown = onTerminal([main, 'metrics', '--once'], { awaited: '', keys: '' })
    expect(shown).toContain(name.replaceAll(/\p{Cc}/gu, '\uFFFD'))
    expect(shown).not.toContain('\u001b')
    expect(limiter.policy.name).toBe(name)
  })

  const noTerminal = spawnSync('script', ['--version']).status !== 0
  it.skipIf(noTerminal)('takes the terminal and gives it back (skipped without the program script)', async () => {
    const policy = policyOf(machineName())
    new RateLimiter(policy)
    // `script` gives a program a terminal; what it types comes after the first picture.
    // Without a filter the names of whatever else runs on this machine may fill the screen.
    const typed = (
      keys: string,
      filter: string,
      signal?: NodeJS.Signals,
    ): Promise<{ text: string; code: number | null }> =>
      new Promise((resolve) => {
        const child = spawn('script', [
          '-qec',
          `stty rows 20 cols 120; exec "${process.execPath}" "${main}" top --interval 100 ${filter}`,
          '/dev/null',
        ])
        let text = ''
        let sent = false
        let quit = false
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          // What was typed has been drawn: a filter shows the name.
          if (sent && !quit && keys.startsWith('/') && text.includes(policy.name)) {
            quit = true
            child.stdin.write('q')
          }
          if (sent || !text.includes('q quit')) return
          sent = true
          if (signal === undefined) child.stdin.write(keys)
          else
            process.kill(
              Number(readFileSync(`/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`, 'utf8').trim()),
              signal,
            )
        })
        child.on('close', (code) => resolve({ text, code }))
      })
    for (const { text, code } of await Promise.all([
      typed(`/${policy.name}\r`, ''),
      typed('\u0003', `--filter ${policy.name}`),
      typed('', `--filter ${policy.name}`, 'SIGTERM'),
    ])) {
      expect(code).toBe(0)
      expect(text).toContain(policy.name)
      expect(text).toContain('\u001b[?1049h\u001b[?25l')
      expect(text.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
      expect(text).not.toContain('\u001b[2J')
    }
  })

  it.each([
    [['top', '--interval', '7'], /must be an integer from 50/],
    [['top', '--sort', 'colour'], /Allowed choices are worst, name, kind/],
    [['top', '--port', '70000'], /must be an integer from 0 to 65535/],
    [['top', 'surplus'], /too many arguments/],
    [['shm', 'remove'], /missing required argument 'name'/],
  ])('refuses %j with exit code 2', async (args, why) => {
    const { code, stdout, stderr } = await amorsize(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(why)
  })
})

describeMachine('amorsize shm', () => {
  it('lists and removes a name that nobody uses', async () => {
    const name = machineName()
    await runScript(policyOf(name), 'say(0)')
    expect((await amorsize(['shm', 'list'])).stdout).toMatch(
      new RegExp(`^${name} +limiter +ready +none +[0-9.]+ KiB +${filesOf(name)[0]!}$`, 'm'),
    )
    expect(await amorsize(['shm', 'remove', name])).toEqual({
      code: 0,
      stdout: `removed limiter '${name}'\n`,
      stderr: '',
    })
    expect(filesOf(name)).toEqual([])
    expect(await amorsize(['shm', 'remove', name])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(name),
    })
  })

  it('shows the limits of a middleware by their names, and removes all of them by its own', async () => {
    const name = machineName()
    const limits = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `per_${letter}`)
    for (const limit of limits) await runScript(policyOf(`${name}%limit%${limit}`), 'say(0)')
    const { stdout } = await amorsize(['top', '--once', '--filter', `${name} · per`])
    expect(stdout.match(/^\S+ · per\w+/gm)).toEqual(limits.map((limit) => `${name} · ${limit}`))
    expect(await amorsize(['shm', 'remove', name])).toEqual({
      code: 0,
      stdout: limits.map((limit) => `removed limiter '${name} · ${limit}'\n`).join(''),
      stderr: '',
    })
  })

  it('keeps one that is in use, unless it is forced', async () => {
    const name = machineName()
    const limiter = new RateLimiter(policyOf(name))
    expect(await amorsize(['shm', 'remove', name])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`process ${process.pid}`),
    })
    expect(filesOf(name)).toHaveLength(1)
    expect(await amorsize(['shm', 'remove', name, '--kind', 'breaker', '--force'])).toMatchObject({ code: 1 })
    expect(await amorsize(['shm', 'remove', name, '--force'])).toMatchObject({ code: 0 })
    expect(limiter.tryAcquire(100)).toBe(true)
  })

  it('takes for unused what is whole, of this user, and has no process', async () => {
    const name = machineName()
    const limiter = new RateLimiter(policyOf(name))
    const entry = readMachine().find((each) => each.name === name)!
    expect(isUnused(entry)).toBe(false)
    limiter[Symbol.dispose]()
    expect(isUnused(readMachine().find((each) => each.name === name)!)).toBe(true)
    for (const state of ['foreign', 'not-a-region', 'unfinished', 'other-version', 'not-private'] as const)
      expect(isUnused({ ...entry, processes: [], state })).toBe(false)
    expect(await amorsize(['shm', 'remove', name, '--unused'])).toMatchObject({ code: 2 })
    expect(await amorsize(['shm', 'remove', name, '--filter', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--filter goes with --unused'),
    })
    expect(filesOf(name)).toHaveLength(1)
  })

  it('removes all that hold a text and that nobody uses', async () => {
    // Never for all names here: other tests of this machine are under way.
    const names = [0, 1, 2].map(() => `${machineName()}-Left-Over`)
    const [used, ...others] = names.map((name) => new RateLimiter(policyOf(name)))
    for (const other of others) other[Symbol.dispose]()
    const { code, stdout } = await amorsize([
      'shm',
      'remove',
      '--unused',
      '--filter',
      names[0]!.replace(/\d+-Left-Over$/, '').toUpperCase(),
    ])
    expect(code).toBe(0)
    for (const name of names.slice(1)) expect(stdout).toContain(`removed limiter '${name}'\n`)
    expect(names.map((name) => filesOf(name).length)).toEqual([1, 0, 0])
    expect(used!.tryAcquire()).toBe(true)
    const none = await amorsize(['shm', 'remove', '--unused', '--filter', `${names[0]!} and more`])
    expect(none).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})
