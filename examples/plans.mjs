// A limit by plan: `max` is a function of the request. An upgrade counts at once, and requests may have different costs, too.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connectLimit } from 'amorsize/http'

const PER_MINUTE = { free: 10, pro: 100 }
const plans = new Map([
  ['ann', 'free'],
  ['ben', 'pro'],
])

const limit = connectLimit({
  limits: {
    minute: {
      max: (request) => PER_MINUTE[plans.get(request.headers['x-api-key'])] ?? 0,
      windowMs: 60_000,
      cost: (request) => (request.url === '/report' ? 5 : 1),
    },
  },
  // A caller without a key has no plan, so a `max` of 0 refuses it; null would mean "not limited".
  key: (request) => request.headers['x-api-key'] ?? 'none',
})

const server = createServer((request, response) => limit(request, response, () => response.end('ok')))
server.listen(0, '127.0.0.1')
await once(server, 'listening')

async function ask(user, path = '/') {
  const headers = user === undefined ? {} : { 'x-api-key': user }
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers })
  await response.text()
  return { admitted: response.status === 200, told: response.headers.get('ratelimit') }
}

async function admittedOf(count, user, path) {
  let admitted = 0
  for (let n = 0; n < count; n++) if ((await ask(user, path)).admitted) admitted++
  return admitted
}

console.log(`ann, free: ${await admittedOf(15, 'ann')} of 15 admitted`)
console.log(`ben, pro: ${await admittedOf(15, 'ben')} of 15 admitted`)
console.log(
  `ben, reports at 5 each: ${await admittedOf(20, 'ben', '/report')} of 20 admitted, for the 85 that are left`,
)
plans.set('ann', 'pro')
console.log(`ann upgrades: ${await admittedOf(15, 'ann')} of 15 admitted, told ${(await ask('ann')).told}`)
console.log(`nobody: ${await admittedOf(1, undefined)} of 1 admitted`)

server.close()
server.closeAllConnections()
