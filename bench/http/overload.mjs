// Asks a server that burns processor time for more than it can do, and tells what became of those that it admitted.
import { fork } from 'node:child_process'
import { Agent, get } from 'node:http'
import { fileURLToPath } from 'node:url'
import { quantile } from '../../dist/cli/statistics.js'
import { nextMessage } from '../support/messages.mjs'

const program = fileURLToPath(new URL('busy-program.mjs', import.meta.url))

/**
 * Runs the server behind a guard, alone and then overloaded.
 *
 * @param {'none' | 'shed'} guard
 * @param {{ factor: number, seconds: number, settleSeconds: number, processes?: number }} load - `factor`: how many times as much as it can
 *   do; those of the first `settleSeconds` of an overload are not counted; `processes`: of the server, default 1, otherwise workers of a cluster
 * @returns latencies of admitted requests in ms; `goodput`: how many of them were answered, as a share of what the server can do; `refused`: the share of all;
 *   `mostAtOnce`: how many were worked on at a time in one process
 */
export async function overload(guard, { factor, seconds, settleSeconds, processes = 1 }) {
  const server = fork(program, [guard, String(processes)])
  try {
    const { port, perSecond } = await nextMessage(server)
    const idle = await ask(port, perSecond * 0.2, seconds, 0)
    const busy = await ask(port, perSecond * factor, settleSeconds + seconds, settleSeconds)
    server.send('most')
    const { most } = await nextMessage(server)
    const p99 = ({ latencies }) => quantile(latencies, 0.99)
    return {
      idleP99Ms: p99(idle),
      busyP50Ms: quantile(busy.latencies, 0.5),
      busyP99Ms: p99(busy),
      goodput: busy.answered / seconds / perSecond,
      refused: busy.refused / busy.asked,
      mostAtOnce: most,
    }
  } finally {
    // It ends then, and removes what it has left.
    if (server.connected) server.disconnect()
  }
}

/** Requests that come at random, whatever became of those before, and what became of those that came after `fromSeconds`. */
async function ask(port, perSecond, seconds, fromSeconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1000 })
  const latencies = []
  let [asked, answered, refused] = [0, 0, 0]
  const startMs = performance.now()
  const open = new Set()
  let dueMs = startMs
  while (performance.now() - startMs < seconds * 1000) {
    for (; dueMs <= performance.now(); dueMs += (-Math.log(1 - Math.random()) * 1000) / perSecond) {
      const isCounted = dueMs - startMs >= fromSeconds * 1000
      if (isCounted) asked++
      const request = send(port, agent, (status, ms) => {
        open.delete(request)
        if (!isCounted) return
        if (status !== 200) refused++
        else {
          answered++
          latencies.push(ms)
        }
      })
      open.add(request)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  // What waits now would be answered some time; it has waited at least so long.
  const endMs = performance.now()
  for (const request of open) {
    if (request.startMs - startMs >= fromSeconds * 1000) latencies.push(endMs - request.startMs)
    request.destroy()
  }
  agent.destroy()
  return { latencies, asked, answered, refused }
}

function send(port, agent, answered) {
  const startMs = performance.now()
  const request = get({ host: '127.0.0.1', port, agent }, (response) => {
    response.resume().on('end', () => answered(response.statusCode, performance.now() - startMs))
  })
  request.startMs = startMs
  // Those that are given up at the end.
  request.on('error', (error) => {
    if (!request.destroyed) throw error
  })
  return request
}
