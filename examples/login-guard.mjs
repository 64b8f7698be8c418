// A login that is attacked: only failures count, five in ten minutes are allowed, and who goes on is banned. Who mistypes twice and then
// logs in all day is not touched.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connectLimit } from 'amorsize/http'

const PASSWORDS = new Map([
  ['alice', 'correct horse'],
  ['bob', 'battery staple'],
])

/** Here all clients have one address, so a header says who it is; behind a proxy that you trust, leave `key` out. */
const clientOf = (request) => request.headers['x-client'] ?? 'nobody'
/** Failures count, and attempts that are cut before their answer (status 499): what turns out well is given back. */
const countIf = (_request, status) => status >= 400

const perClient = connectLimit({
  limits: { guesses: { max: 5, windowMs: 600_000, banAfter: 20 } },
  key: clientOf,
  countIf,
})
/** Many clients may guess at one account. */
const perAccount = connectLimit({
  limits: { account: { max: 30, windowMs: 3_600_000 } },
  // A field that is left out must not make a guess free.
  key: (request) => request.headers['x-user'] ?? 'nobody',
  countIf,
})

const server = createServer((request, response) => {
  const login = () => {
    const { 'x-user': user, 'x-password': password } = request.headers
    response.writeHead(PASSWORDS.get(user) === password ? 200 : 401).end()
  }
  perClient(request, response, () => perAccount(request, response, login))
}).listen(0, '127.0.0.1')
await once(server, 'listening')

async function login(client, user, password) {
  const headers = { 'x-client': client, 'x-user': user, 'x-password': password }
  const response = await fetch(`http://127.0.0.1:${server.address().port}/login`, { method: 'POST', headers })
  await response.text()
  return response.status
}

const statuses = []
for (let guess = 0; guess < 50; guess++) statuses.push(await login('attacker', 'alice', `guess ${guess}`))
const count = (status) => statuses.filter((each) => each === status).length
console.log(
  `50 guesses of one client: ${count(401)} looked at, ${count(429)} refused with 429, then ${count(403)} with 403`,
)

const alice = [await login('alice', 'alice', 'correct house'), await login('alice', 'alice', 'correct hose')]
for (let day = 0; day < 20; day++) alice.push(await login('alice', 'alice', 'correct horse'))
console.log(`alice mistypes twice and logs in 20 times: ${alice.filter((status) => status === 200).length} let in`)

let looked = 0
for (let client = 0; client < 50; client++) if ((await login(`bot ${client}`, 'bob', 'guess')) === 401) looked++
console.log(`50 clients guess once each at bob's password: ${looked} looked at`)

server.close()
server.closeAllConnections()
