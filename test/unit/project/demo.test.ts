import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { manifest, root } from '../../../scripts/support/project.mjs'
import { run } from '../../../scripts/support/run.mjs'

const folder = mkdtempSync(join(tmpdir(), 'amorsize-demo-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Compiles as `npm run demo` does, with an npm that prints on both streams and ends with `code`. */
function compile(code: number) {
  const npm = join(folder, `npm-${code}.js`)
  writeFileSync(npm, `console.log('make: lines'); console.error('a word of the compiler'); process.exitCode = ${code}`)
  const env = { ...process.env, npm_execpath: npm }
  return run(process.execPath, [join(root, 'scripts/demo/compile.mjs')], { env, quiet: true })
}

it('npm run demo compiles first', () => {
  expect(manifest.scripts.demo).toMatch(/^node scripts\/demo\/compile\.mjs && /)
})

it('is quiet while it compiles', async () => {
  expect(await compile(0)).toEqual({ code: 0, stdout: '', output: 'compiling …\n' })
})

it('shows all that a compiler printed if it fails', async () => {
  const { code, stdout, output } = await compile(3)
  expect([code, stdout]).toEqual([3, ''])
  expect(output).toContain('make: lines')
  expect(output).toContain('a word of the compiler')
})
