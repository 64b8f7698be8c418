// Compiles the TypeScript programs of this suite as their users would: with the compiler itself, every error counts.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'

const field = join(import.meta.dirname, '..')
const require = createRequire(import.meta.url)

/**
 * Compiles `folder` with the tsconfig.json in it.
 *
 * @param {string} folder - of this suite
 * @param {string} to - in .built; a folder of the test file's own, as files run beside each other
 * @param {'typescript' | 'typescript-5.9'} [compiler] - a package of the project
 * @throws {Error} with the compiler's messages
 */
export async function compile(folder, to, compiler = 'typescript') {
  const tsc = require.resolve(`${compiler}/lib/tsc.js`)
  try {
    const args = [tsc, '-p', join(field, folder), '--outDir', join(field, '.built', to)]
    await promisify(execFile)(process.execPath, args, { cwd: field })
  } catch (error) {
    throw new Error(`${compiler} does not accept ${folder}:\n${error.stdout}`, { cause: error })
  }
}

/** The address of a compiled module, for `import`. */
export const built = (path) => new URL(`../.built/${path}`, import.meta.url).href
