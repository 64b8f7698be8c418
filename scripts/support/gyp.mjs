// What binding.gyp says: the one list of the addon's sources and flags.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import stamp from '../../native/binding/stamp.cjs'
import { manifest, root } from './project.mjs'

/**
 * @param {'linux' | 'mac' | 'win'} os - as gyp calls it
 * @returns {{ sources: string[], defines: string[], flags: string[] }} of that system; the flags are those of GCC and Clang
 */
export function readGyp(os) {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '')
  // A literal of Python that is one of JavaScript too.
  const [target] = new Function(`return (${text})`)().targets
  const own = target.conditions.find(([condition]) => condition === `OS=='${os}'`)[1]
  const defines = target.defines.map((define) =>
    define.replace('<(version)', manifest.version).replace('<(stamp)', stamp),
  )
  return { sources: [...target.sources, ...own.sources], defines, flags: target.cflags_cc }
}
