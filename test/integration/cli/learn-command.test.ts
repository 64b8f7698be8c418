import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lessons, solved } from '../../../dist/cli/learn/lessons.js'
import { amorsize } from '../support/command-line.js'

// Within the repository, so that the programs find the package by its name.
const folder = join(fileURLToPath(new URL('../../../build', import.meta.url)), `learn-${process.pid}`)
const before = process.env['XDG_STATE_HOME']
const progress = join(folder, 'state', 'amorsize', 'lessons.json')
beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  process.env['XDG_STATE_HOME'] = join(folder, 'state')
})
afterAll(() => {
  if (before === undefined) delete process.env['XDG_STATE_HOME']
  else process.env['XDG_STATE_HOME'] = before
  rmSync(folder, { recursive: true, force: true })
})
const learn = (...args: string[]) => amorsize(['learn', ...args], folder)

// Its place is known on Linux only by the variable.
describe.skipIf(process.platform !== 'linux')('amorsize learn (where XDG_STATE_HOME says where progress is)', () => {
  it('lists six lessons', async () => {
    const { code, stdout } = await learn()
    expect(code).toBe(0)
    expect(lessons).toHaveLength(6)
    for (const { title } of lessons) expect(stdout).toContain(title)
    expect(stdout).toContain('Go on with: amorsize learn start 1')
  })

  it.each(lessons.map((lesson, i) => [i + 1, lesson.title, lesson] as const))(
    '%i, %s: fails with its gap, passes when solved',
    async (number, _, lesson) => {
      const file = join(folder, `lesson-${number}.mjs`)
      const started = await learn('start', String(number))
      expect(started.stdout).toContain(lesson.text)
      expect(readFileSync(file, 'utf8')).toBe(lesson.program)
      expect(lesson.program.split(lesson.gap)).toHaveLength(2)

      const unsolved = await learn('check', String(number))
      expect(unsolved.stdout).toMatch(/^Not yet: .+\.$/m)
      expect(unsolved.code).toBe(1)

      writeFileSync(file, solved(lesson))
      const done = await learn('check', String(number))
      expect(done.stdout).toMatch(/^Solved\./m)
      expect(done).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(readFileSync(progress, 'utf8')).solved).toContain(number)
    },
  )

  it('never writes over what somebody has worked on', async () => {
    writeFileSync(join(folder, 'lesson-1.mjs'), '// mine')
    const { stdout, code } = await learn('start', '1')
    expect(stdout).toContain('stays as it is')
    expect(code).toBe(0)
    expect(readFileSync(join(folder, 'lesson-1.mjs'), 'utf8')).toBe('// mine')
  })

  it.each([
    ['a program that fails', 'throw new RangeError("mine")', /Not yet: lesson-1\.mjs failed: RangeError: mine/],
    ['a program without figures', 'console.log("hello")', /Not yet: lesson-1\.mjs did not print its figures/],
    ['a syntax error', 'const = 1', /Not yet: lesson-1\.mjs failed: SyntaxError/],
  ])('says what is wrong with %s', async (_, code, message) => {
    writeFileSync(join(folder, 'lesson-1.mjs'), code)
    const { stdout, code: exit } = await learn('check', '1')
    expect(stdout).toMatch(message)
    expect(exit).toBe(1)
  })

  it('says so where nothing was started, or no such lesson is', async () => {
    rmSync(join(folder, 'lesson-2.mjs'))
    expect(await learn('check', '2')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('learn start 2 writes it'),
    })
    expect(await learn('start', '7')).toMatchObject({ code: 2 })
    expect((await learn('hint', '6')).stdout).toContain('settle')
    expect((await learn('solution', '6')).stdout).toBe('permit.settle({ tpm: answer.totalTokens })\n')
  })

  it('goes on where what was kept is damaged, and says so', async () => {
    mkdirSync(dirname(progress), { recursive: true })
    writeFileSync(progress, '{"solved":')
    const { code, stdout, stderr } = await learn()
    expect(stdout).toContain('Go on with: amorsize learn start 1')
    expect(stderr).toMatch(/lessons\.json cannot be read.*it counts as none solved/)
    expect(code).toBe(0)
  })
})
