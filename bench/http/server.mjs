// Starts server-program.mjs in a process of its own.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('server-program.mjs', import.meta.url))

/**
 * Starts a server.
 *
 * @param {string} id - of the subject
 * @param {number} max - requests per window
 * @returns its port, what processor time it has taken (µs), and what ends it
 */
export async function startServer(id, max) {
  const child = fork(program, [id, String(max)])
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`the server of ${id} ended with ${code}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
  const { port } = await next()
  const cpuUs = async () => {
    child.send('usage')
    return (await next()).cpuUs
  }
  return { port, cpuUs, close: () => child.kill() }
}
