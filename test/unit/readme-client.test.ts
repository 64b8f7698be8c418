import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts60 from 'typescript'
import ts59 from 'typescript-5.9'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const source = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? ''

type Compiler = typeof ts60
// Two versions of the same interface, which the compiler does not take for one.
const cases = (
  [
    ['5.9', ts59 as unknown as Compiler],
    ['6.0', ts60],
  ] as [string, Compiler][]
).flatMap(([version, ts]) =>
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

describe.each(cases)("README's client, TypeScript $version, $form decorators", ({ version, ts, legacy, form }) => {
  it('compiles as printed, and gets its answer from a server that fails, limits and stalls first', async () => {
    const folder = join(root, 'build/readme', `${version}-${form}`)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'client.ts'), source)
    const program = ts.createProgram([join(folder, 'client.ts')], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      types: ['node'],
      experimentalDecorators: legacy,
    })
    program.emit()
    expect(
      ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
    ).toEqual([])
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
})
