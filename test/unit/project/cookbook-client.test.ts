import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, compilers } from '../../support/compile.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const source = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'docs/cookbook/calls.md'), 'utf8'))?.[1] ?? ''

const cases = compilers.flatMap(([version, ts]) =>
  [false, true].map((legacy) => ({ version, ts, legacy, form: legacy ? 'legacy' : 'standard' })),
)

/** What the server does with one request after another; the last one for all that follow. */
const script: ((response: ServerResponse) => void)[] = [
  (response) => response.writeHead(503).end(),
  (response) => response.writeHead(429, { 'retry-after-ms': '60' }).end(),
  () => undefined, // stalls until the client gives up
  (response) => response.end('["found"]'),
]
const arrivedMs: number[] = []
const server = createServer((_, response) => {
  const act = script[Math.min(arrivedMs.push(performance.now()), script.length) - 1]
  act?.(response)
})
let url: string

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe.each(cases)(
  "the cookbook's client, TypeScript $version, $form decorators",
  ({ version, ts, legacy, form }) => {
    it('compiles as printed, and gets its answer from a server that fails, limits and stalls first', async () => {
      const folder = join(root, 'build/readme', `${version}-${form}`)
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      const file = join(folder, 'client.ts')
      writeFileSync(file, source)
      expect(compile(ts, [file], { experimentalDecorators: legacy, rootDir: folder, outDir: folder })).toEqual([])
      const { Api } = (await import(pathToFileURL(join(folder, 'client.js')).href)) as {
        Api: new (at: string) => { search(query: string): Promise<string[]> }
      }

      arrivedMs.length = 0
      expect(await new Api(url).search('x')).toEqual(['found'])
      // One more where this machine is too busy to answer within the time-out.
      expect(arrivedMs.length).toBeGreaterThanOrEqual(script.length)
      // Real time, as the server is real: after the 429 it keeps away as told, after the stall it has waited for its time-out.
      expect(arrivedMs[2]! - arrivedMs[1]!).toBeGreaterThan(55)
      expect(arrivedMs[3]! - arrivedMs[2]!).toBeGreaterThan(190)
    })
  },
)
