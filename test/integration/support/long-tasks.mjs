import { isMainThread, threadId } from 'node:worker_threads'

/** Tasks whose items keep a thread for longer than a slice. */
const busy = (ms) => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

export function double(n) {
  busy(8)
  return 2 * n
}

export function doubled({ n }) {
  return double(n)
}

export function next(n) {
  busy(9)
  return n + 1
}

/** Asks for something that the thread of whoever listens has to do, and waits until it is done. */
export async function ask(name) {
  const channel = new BroadcastChannel(name)
  try {
    return await new Promise((resolve) => {
      channel.onmessage = ({ data }) => data.done && resolve('done')
      channel.postMessage({ asked: true })
    })
  } finally {
    channel.close()
  }
}

export function whereLong() {
  busy(9)
  return threadId
}

/** Ends the worker that runs it first. */
export function endsFirst({ n, runs }) {
  if (Atomics.add(new Int32Array(runs), 0, 1) === 0) process.exit(1)
  return n
}

/** Takes as long as its item says. */
export function lasting({ ms }) {
  busy(ms)
  return ms
}

/** Ends a worker with every 50th item that workers run. */
export function endsWorkers({ n, ms, runs }) {
  if (!isMainThread && Atomics.add(new Int32Array(runs), 0, 1) % 50 === 49) process.exit(1)
  busy(ms)
  return n
}
