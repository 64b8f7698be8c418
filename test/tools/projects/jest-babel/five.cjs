const { parentPort } = require('node:worker_threads')
const { RateLimiter } = require('amorsize')

const limiter = new RateLimiter({ name: 'five', requestsPerSecond: 1e-3, burstSize: 5 })
let taken = 0
while (taken < 3 && limiter.tryAcquire()) taken++
parentPort.postMessage(taken)
