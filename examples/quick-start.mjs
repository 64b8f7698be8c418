import cluster from 'node:cluster'
import { RateLimiter } from 'amorsize'

const limit = { requestsPerSecond: 10, burstSize: 1 }
const limiter = new RateLimiter({ name: 'my-api', scope: 'machine', ...limit })

if (cluster.isPrimary) {
  let calls = 0
  for (let i = 0; i < 4; i++) cluster.fork().on('message', () => calls++)
  setInterval(() => {
    console.log(`${calls} calls per second from 4 processes`)
    calls = 0
  }, 1000)
  setTimeout(() => process.exit(), 5500)
} else while (true) await limiter.execute(() => process.send('call'))
