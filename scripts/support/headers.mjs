// Where the headers are to compile against.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './project.mjs'
import { mustRun } from './run.mjs'

const hasHeaders = (prefix) => existsSync(join(prefix, 'include', 'node', 'node_api.h'))

/**
 * N-API is the same in every version, so the headers of the running Node serve where they are installed beside it.
 *
 * @returns {Record<string, string>} what to add to node-gyp's environment; empty if it must fetch the headers
 */
export function headersOfThisNode() {
  const prefix = join(dirname(process.execPath), '..')
  return hasHeaders(prefix) ? { npm_config_nodedir: prefix } : {}
}

/** The folder with node_api.h and uv.h, for every system; node-gyp fetches it where Node came without. */
export async function includesOfNode() {
  const { npm_config_nodedir: prefix } = headersOfThisNode()
  if (prefix !== undefined) return join(prefix, 'include', 'node')
  const fetched = join(root, '.cache', 'headers')
  const folder = join(fetched, process.versions.node)
  if (!hasHeaders(folder))
    await mustRun(
      process.execPath,
      [join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'), 'install', '--ensure', `--devdir=${fetched}`],
      { quiet: true },
    )
  return join(folder, 'include', 'node')
}
