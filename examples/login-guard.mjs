// A login under attack, on four workers of a cluster. Three limits are one decision: attempts per address, per user, and per both together.
// A successful login gets its attempts back. A request that one limit refuses is not charged in the others.
import { execFileSync } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { Agent, createServer, request as send } from 'node:http'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { connectLimit } from 'amorsize/http'

const WORKERS = 4
const PASSWORDS = new Map([
  ['alice', 'correct horse'],
  ['bob', 'battery staple'],
])
const windowMs = 600_000

if (cluster.isPrimary) await lead()
else serve()

function serve() {
  /** Here all clients have one address, so a header names the client. Behind a proxy that you trust, leave this out. */
  const address = (request) => request.headers['x-client'] ?? 'nobody'
  // A field that is left out must not make a guess free.
  const user = (request) => request.headers['x-user'] ?? 'nobody'
  const both = (request) => JSON.stringify([address(request), user(request)])
  const limit = connectLimit({
    name: process.env.EXAMPLE_NAME,
    scope: 'machine',
    limits: {
      both: { max: 5, windowMs, key: both },
      perAddress: { max: 20, windowMs, key: address },
      perUser: { max: 30, windowMs, key: user },
    },
  })
  createServer((request, response) => {
    limit(request, response, () => {
      const isRight = PASSWORDS.get(user(request)) === request.headers['x-password']
      if (isRight) limit.reset(both(request), 'both')
      response.writeHead(isRight ? 200 : 401).end()
    })
  }).listen(Number(process.env.EXAMPLE_PORT), '127.0.0.1')
}

async function lead() {
  const name = `login-guard-${process.pid}`
  const port = await freePort()
  for (let n = 0; n < WORKERS; n++) cluster.fork({ EXAMPLE_NAME: name, EXAMPLE_PORT: port })
  for (let n = 0; n < WORKERS; n++) await once(cluster, 'listening')

  const login = async (client, user, password) => {
    const headers = { 'x-client': client, 'x-user': user, 'x-password': password }
    // A connection for each request, so that all workers have some.
    const request = send({ port, host: '127.0.0.1', method: 'POST', headers, agent: new Agent() }).end()
    const [response] = await once(request, 'response')
    response.resume()
    return response.statusCode
  }
  const looked = (statuses) => statuses.filter((status) => status !== 429).length
  const many = (n, attempt) => Promise.all(Array.from({ length: n }, (_, index) => attempt(index)))

  const guesses = looked(await many(100, (n) => login('attacker', 'alice', `guess ${n}`)))
  console.log(`100 guesses of one client at alice, over ${WORKERS} workers: ${guesses} looked at`)
  const others = looked(await many(100, (n) => login('attacker', `user ${n}`, 'guess')))
  console.log(`100 more at other users: ${others} looked at`)
  const bots = looked(await many(100, (n) => login(`bot ${n}`, 'bob', 'guess')))
  console.log(`100 clients guess once each at bob: ${bots} looked at`)
  let logins = 0
  for (const password of ['correct house', 'correct hose', ...Array(15).fill('correct horse')])
    if ((await login('home', 'alice', password)) === 200) logins++
  console.log(`alice mistypes twice and logs in 15 times: ${logins} let in`)
  if (guesses !== 5 || others !== 15 || bots !== 30 || logins !== 15) process.exitCode = 1

  const ended = Object.values(cluster.workers).map((worker) => once(worker, 'exit'))
  for (const worker of Object.values(cluster.workers)) worker.kill()
  await Promise.all(ended)
  removeNames(name)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** A name of the machine outlives its processes; those of this example are not needed any more. */
function removeNames(text) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', '--unused', '--filter', text])
}
