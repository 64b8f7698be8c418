// The programs by others in test/field: installs what they need, then runs them.
import { join } from 'node:path'
import { installIn } from './install.mjs'
import { root } from './project.mjs'
import { vitest } from './vitest.mjs'

const folder = join(root, 'test', 'field')

/**
 * @param {{ whole: boolean }} options - whole: also the programs that take long (`*.whole.test.mjs`)
 * @returns {Promise<{ passed?: number, failed?: number, skipped?: number }>} counts; one skipped where the packages cannot be fetched
 */
export async function field({ whole }) {
  const missing = await installIn(folder)
  if (missing !== null) {
    console.log(
      `skipped: the packages of test/field are not installed, and the registry cannot be reached (${missing})`,
    )
    return { skipped: 1 }
  }
  return vitest(['--config', join(folder, 'vitest.config.mjs'), ...(whole ? [] : ['--project', '!whole'])])
}
