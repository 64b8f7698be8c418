import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../unit/support/recorded-run.js'
import { runNode } from '../support/command-line.js'

const folder = temporaryFolder()
const program = (end: string): string => `
import { isMainThread } from 'node:worker_threads'
import { execute, task } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
export const double = (n) => 2 * n
const main = async () => console.log(JSON.stringify(await execute(task(import.meta.url, 'double'), [1, 2, 3])))
if (isMainThread) ${end}`

it('runs an export of the module that calls execute', async () => {
  writeFileSync(join(folder, 'main.mjs'), program('void main()'))
  expect(await runNode(['main.mjs'], folder)).toEqual({ code: 0, stdout: '[2,4,6]\n', stderr: '' })
})

it('says why it cannot where that module awaits it at its top level, instead of ending without a word', async () => {
  writeFileSync(join(folder, 'awaits.mjs'), program('await main()'))
  const { code, stderr } = await runNode(['awaits.mjs'], folder)
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /ExecutionError: file:.*awaits.mjs awaits, as it is loaded, a run of a task that it exports itself/,
  )
})

it('waits for a module that is slow to load, and needs more than its import', async () => {
  writeFileSync(
    join(folder, 'slow.mjs'),
    `${program('void main()')}\nawait new Promise((resolve) => setTimeout(resolve, 300))`,
  )
  expect(await runNode(['slow.mjs'], folder)).toEqual({ code: 0, stdout: '[2,4,6]\n', stderr: '' })
})
