// The recipes of docs/http/clients.md, as they are printed there.
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const page = readFileSync(join(import.meta.dirname, '../../docs/http/clients.md'), 'utf8')
const folder = join(import.meta.dirname, '.built', 'recipes')

/** The block of the page that imports `name`, as a module that exports what it makes. */
async function recipe(name) {
  const block = [...page.matchAll(/^```js\n(.*?)^```$/gms)]
    .map(([, code]) => code)
    .find((code) => code.includes(`from '${name}'`))
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, `${block}export { api }\n`)
  return (await import(file)).api
}

let origin
/** When each request came, and how often a path was asked. */
let cameMs
let asked
const server = createServer((request, response) => {
  cameMs.push(performance.now())
  const nth = (asked.get(request.url) ?? 0) + 1
  asked.set(request.url, nth)
  if (request.url.startsWith('/busy') && nth === 1) response.writeHead(429, { 'retry-after': '1' })
  if (request.url === '/down') response.writeHead(503)
  response.end('ok')
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

const textOf = {
  axios: async (api, url) => (await api.get(url)).data,
  ky: (api, url) => api.get(url).text(),
  got: async (api, url) => (await api(url)).body,
}
const post = {
  axios: (api, url) => api.post(url),
  ky: (api, url) => api.post(url),
  got: (api, url) => api(url, { method: 'POST' }),
}

describe.each(Object.keys(textOf))('%s', (name) => {
  it('keeps to the rate', async () => {
    const api = await recipe(name)
    cameMs = []
    asked = new Map()
    const startedMs = performance.now()
    // Five at once, the others at five per second.
    const texts = await Promise.all(Array.from({ length: 8 }, (_, n) => textOf[name](api, `${origin}/${n}`)))
    expect(texts).toEqual(Array(8).fill('ok'))
    expect(performance.now() - startedMs).toBeGreaterThan(590)
  })

  it('waits for what a Retry-After asks for', async () => {
    const api = await recipe(name)
    cameMs = []
    asked = new Map()
    const first = textOf[name](api, `${origin}/busy`)
    // What axios throws is its own; the others try again.
    if (name === 'axios') await expect(first).rejects.toMatchObject({ status: 429 })
    else expect(await first).toBe('ok')
    expect(await textOf[name](api, `${origin}/next`)).toBe('ok')
    const [refusedMs, nextMs] = cameMs
    expect(nextMs - refusedMs).toBeGreaterThan(950)
  })
  it('sends a POST once, whatever becomes of it', async () => {
    const api = await recipe(name)
    cameMs = []
    asked = new Map()
    await expect(post[name](api, `${origin}/down`)).rejects.toThrow('503')
    expect(asked.get('/down')).toBe(1)
  })
})
