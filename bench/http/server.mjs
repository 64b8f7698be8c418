// Starts server-program.mjs in a process of its own.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`the servers of ${ids.join('; ')} ended with ${code}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
  const { ports } = await next()
  const cpuUs = async () => {
    child.send('usage')
    return (await next()).cpuUs
  }
  return { ports, cpuUs, close: () => child.kill() }
}
