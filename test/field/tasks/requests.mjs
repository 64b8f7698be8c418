// Tasks that ask a server and then compute, with the clients that people use. Each thread has a client of its own, and keeps its connections.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import { threadId } from 'node:worker_threads'
import axios from 'axios'
import { got } from 'got'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import ky from 'ky'
import pLimit from 'p-limit'
import { pino } from 'pino'
import { request } from 'undici'
import { z } from 'zod'

const agent = new Agent({ keepAlive: true })
const withAxios = axios.create({ httpAgent: agent })
const withGot = got.extend({ agent: { http: agent }, retry: { limit: 0 } })
const Answer = z.object({ path: z.string(), text: z.string() })

/** Validates what has come, and computes. */
function read(answer) {
  const { path, text } = Answer.parse(answer)
  return { path, hash: createHash('sha256').update(text).digest('hex'), threadId }
}

export const withUndici = async ({ origin, path }) => {
  const { statusCode, headers, body } = await request(origin + path)
  const answer = await body.json()
  // As programs do that have no client to throw for them.
  if (statusCode >= 400) throw Object.assign(new Error(`status ${statusCode}`), { statusCode, headers })
  return read(answer)
}
export const withFetch = async ({ origin, path }) => {
  const response = await fetch(origin + path)
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { response })
  return read(await response.json())
}
export const axiosTask = async ({ origin, path }) => read((await withAxios.get(origin + path)).data)
export const gotTask = async ({ origin, path }) => read(await withGot(origin + path).json())
export const kyTask = async ({ origin, path }) => read(await ky(origin + path, { retry: 0 }).json())

const context = new AsyncLocalStorage()
const threeAtOnce = pLimit(3)

/** Asks for the parts of a page, three at once over all items of the thread, each in the context of its item. */
export const parts = ({ origin, path }) =>
  context.run(path, async () => {
    const answers = await Promise.all(
      [0, 1, 2].map((part) =>
        threeAtOnce(async () => [context.getStore(), await withUndici({ origin, path: `${path}/${part}` })]),
      ),
    )
    return { stores: answers.map(([store]) => store), paths: answers.map(([, answer]) => answer.path) }
  })

let log
/** Tells of each request in a file that all threads write. */
export const logged = async ({ origin, path, file }) => {
  log ??= pino(pino.destination({ dest: file, sync: true }))
  const answer = await withUndici({ origin, path })
  log.info({ path, threadId })
  return answer.path
}

const clients = new Map()
function clientOf(kind, port) {
  const key = `${kind}:${port}`
  // Its server may be gone before this thread.
  if (!clients.has(key))
    clients.set(
      key,
      new (kind === 'ioredis' ? Redis : Valkey)(port, '127.0.0.1').on('error', () => {}),
    )
  return clients.get(key)
}

/** Keeps count in a server of Redis or Valkey, through a connection that its thread keeps open. */
export const counted = async ({ kind, port, n }) => {
  const client = clientOf(kind, port)
  await client.set(`${kind}:${n}`, n * n)
  await client.incr(`${kind}:count`)
  return Number(await client.get(`${kind}:${n}`))
}
