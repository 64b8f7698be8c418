// A Redis server of a benchmark's own: on a free port of the loopback interface, in memory.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** The version that is installed; undefined without one. */
export const redisVersion = /v=([\d.]+)/.exec(
  spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)?.[1]

/** @returns {Promise<{ port: number, cpuMs(): number, stop(): Promise<void> }>} `cpuMs`: what it has used so far; NaN where there is no /proc */
export async function startRedis() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  for await (const text of server.stdout) {
    if (!String(text).includes('Ready to accept connections')) continue
    return {
      port,
      cpuMs: () => cpuMsOf(server.pid),
      async stop() {
        const closed = once(server, 'exit')
        server.kill()
        await closed
      },
    }
  }
  throw new Error('redis-server did not start')
}

/** The kernel counts in hundredths of a second. */
function cpuMsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return NaN
  }
}
