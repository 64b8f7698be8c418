// main.mjs as CommonJS.
const { once } = require('node:events')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')
const { RateLimiter } = require('amorsize')

const limiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })

function take() {
  let taken = 0
  while (taken < 3 && limiter.tryAcquire()) taken++
  return taken
}

async function main() {
  const taken = [take()]
  for (let i = 0; i < 2; i++) {
    const [count] = await once(new Worker(process.argv[1]), 'message')
    taken.push(count)
  }
  console.log(JSON.stringify(taken))
}

if (isMainThread) void main()
else parentPort.postMessage(take())
