import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { itWithAddon } from '../support/native.js'

const index = new URL('../../dist/index.js', import.meta.url).href

function tryAcquireUnder(wish: string): string {
  const script = `import(${JSON.stringify(index)}).then(({ RateLimiter }) => console.log(new RateLimiter().tryAcquire())).catch((error) => console.log(error.code, error.message))`
  return spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, AMORSIZE_NATIVE: wish },
  }).stdout
}

it('refuses an AMORSIZE_NATIVE that says nothing', () => {
  expect(tryAcquireUnder('banana')).toMatch(/^ERR_SHARED_MEMORY AMORSIZE_NATIVE must be 0 .* 1 .*; received "banana"/)
})

it('goes without the addon where AMORSIZE_NATIVE is 0', () => {
  expect(tryAcquireUnder('0')).toBe('true\n')
})

describe('a program that amorsize was joined into, away from its package', () => {
  const bundle = fileURLToPath(new URL('../../dist/bundle', import.meta.url))
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-loader-'))
    cpSync(bundle, join(folder, 'a', 'b'), { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function runThere(wish: string) {
    const script = `
import { RateLimiter } from './a/b/index.js'
try { console.log(new RateLimiter({ requestsPerSecond: 1, burstSize: 1 }).tryAcquire(), new RateLimiter().tryAcquire()) }
catch (error) { console.log(error.code, error.message) }`
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, AMORSIZE_NATIVE: wish },
    })
  }

  it('decides without the addon, after one warning that names the cure', () => {
    const { stdout, stderr } = runThere('')
    expect(stdout).toBe('true true\n')
    expect(stderr.split('AMORSIZE_NO_ADDON')).toHaveLength(2)
    expect(stderr).toContain('--loader:.node=copy')
  })

  it('ends in an error of the package where AMORSIZE_NATIVE=1 asks for the addon', () => {
    expect(runThere('1').stdout).toMatch(/^ERR_SHARED_MEMORY AMORSIZE_NATIVE=1 asks for the native addon/)
  })
})

itWithAddon('advises --allow-addons under --permission, and takes the addon there', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const script = `import(${JSON.stringify(index)}).then(({ RateLimiter }) => console.log(new RateLimiter().tryAcquire()))`
  const permission = [Number(process.versions.node.split('.')[0]) >= 23 ? '--permission' : '--experimental-permission']
  const env = { ...process.env, AMORSIZE_NATIVE: '', NODE_OPTIONS: '' }
  const start = (flags: string[]) =>
    spawnSync(process.execPath, [...permission, `--allow-fs-read=${root}*`, ...flags, '-e', script], {
      encoding: 'utf8',
      env,
    })
  const refused = start([])
  expect(refused.stdout).toBe('true\n')
  expect(refused.stderr).toMatch(/AMORSIZE_NO_ADDON[^]*Under --permission add --allow-addons/)
  const allowed = start(['--allow-addons'])
  expect(allowed.stdout).toBe('true\n')
  expect(allowed.stderr).not.toContain('AMORSIZE_NO_ADDON')
})
