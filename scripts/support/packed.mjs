// What `npm publish` would send.
import { root } from './project.mjs'
import { npm } from './run.mjs'

/** No package may unpack to more: 4 MB. */
export const mostUnpackedBytes = 4_000_000

/** @returns {Promise<number>} how many bytes the package of what is built at present unpacks to */
export async function unpackedBytes() {
  const { code, stdout, output } = await npm(['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    quiet: true,
  })
  if (code !== 0) throw new Error(`npm pack failed:\n${output}`)
  // A list up to npm 11; by package name from npm 12 on.
  const [packed] = Object.values(JSON.parse(stdout))
  return packed.unpackedSize
}
