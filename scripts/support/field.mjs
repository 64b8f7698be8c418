// The programs by others in test/field: installs what they need, then runs them.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'
import { npm } from './run.mjs'
import { vitest } from './vitest.mjs'

const folder = join(root, 'test', 'field')

/** How npm says that the registry cannot be reached. */
const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b/

/**
 * Installs the packages of the lock file, unless they are there already.
 *
 * @returns {Promise<string | null>} why they could not be fetched, or null if they are there
 * @throws {Error} when they cannot be installed for any other reason
 */
async function install() {
  const stamp = join(folder, 'node_modules', '.installed')
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return null
  const { code, output } = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    quiet: true,
  })
  if (code === 0) {
    writeFileSync(stamp, wanted)
    return null
  }
  const reason = offline.exec(output)?.[0]
  if (reason === undefined) throw new Error(`npm ci failed in test/field:\n${output}`)
  return reason
}

/**
 * @param {{ whole: boolean }} options - whole: also the programs that take long (`*.whole.test.mjs`)
 * @returns {Promise<{ passed?: number, failed?: number, skipped?: number }>} counts; one skipped where the packages cannot be fetched
 */
export async function field({ whole }) {
  const missing = await install()
  if (missing !== null) {
    console.log(
      `skipped: the packages of test/field are not installed, and the registry cannot be reached (${missing})`,
    )
    return { skipped: 1 }
  }
  return vitest(['--config', join(folder, 'vitest.config.mjs'), ...(whole ? [] : ['--exclude', '**/*.whole.test.mjs'])])
}
