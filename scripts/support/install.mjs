// Packages of a folder that has a package.json and a lock file of its own, so that `npm ci` of the project stays small.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './project.mjs'
import { npm } from './run.mjs'

/** How npm says that the registry cannot be reached. */
const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b/

/**
 * Installs the packages of a folder's lock file, unless they are there already.
 *
 * @param {string} folder - its full path
 * @returns {Promise<string | null>} why they could not be fetched, or null if they are there
 * @throws {Error} when they cannot be installed for any other reason
 */
export async function installIn(folder) {
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
  if (reason === undefined) throw new Error(`npm ci failed in ${relative(root, folder)}:\n${output}`)
  return reason
}
