// Once all tests have ended: removes the names of the machine that they and the processes they started have left.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** With what the names of all tests in this folder begin. */
const PREFIX = 'amorsize-field'

export function teardown() {
  if (process.platform !== 'linux' || process.env.AMORSIZE_NATIVE === '0') return
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [
    join(dirname(manifest), bin.amorsize),
    'shm',
    'remove',
    '--unused',
    '--filter',
    PREFIX,
  ])
}
