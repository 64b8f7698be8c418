import cluster from 'node:cluster'
import { RateLimiter } from 'amorsize'

const limit = { requestsPerSecond: 10, burstSize: 1 }
const options = { name: 'my-api', scope: 'machine', ...limit }
const limiter = new RateLimiter(options)
if (cluster.isPrimary) {
  let made = 0
  for (let i = 0; i < 4; i++) cluster.fork().on('message', () => made++)
  setInterval(() => {
    console.log(`${made} calls per second from 4 processes`)
    made = 0
  }, 1000)
  setTimeout(() => process.exit(), 5500)
} else while (true) await limiter.execute(() => process.send('call'))
