// Starts server-program.mjs in a process of its own.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { nextMessage } from '../support/messages.mjs'

const program = fileURLToPath(new URL('server-program.mjs', import.meta.url))

/**
 * Starts a process with a server for each subject.
 *
 * @param {string[]} ids - of the subjects
 * @param {number} max - requests per window
 * @returns the ports of the servers, what processor time their process has taken (µs), and what ends it
 */
export async function startServers(ids, max) {
  const child = fork(program, [String(max), ...ids])
  const { ports } = await nextMessage(child)
  const cpuUs = async () => {
    child.send('usage')
    return (await nextMessage(child)).cpuUs
  }
  return { ports, cpuUs, close: () => child.kill() }
}
