import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

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
