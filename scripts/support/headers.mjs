// Where node-gyp finds the headers to compile against, without fetching them.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * N-API is the same in every version, so the headers of the running Node serve where they are installed beside it.
 *
 * @returns {Record<string, string>} what to add to node-gyp's environment; empty if it must fetch the headers
 */
export function headersOfThisNode() {
  const prefix = join(dirname(process.execPath), '..')
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {}
}
