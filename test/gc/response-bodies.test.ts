import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { policyFetch, type PolicyFetchOptions } from 'amorsize/http'
import { expect, it, onTestFinished } from 'vitest'

const collect = (globalThis as { gc?: () => void }).gc!

it.each<[string, PolicyFetchOptions]>([
  ['places', {}],
  ['a time limit', { timeoutMs: 60_000 }],
])(
  'a response that was thrown away unread gives its place back once it is collected, one whose body is held does not: %s',
  async (_, options) => {
    const server = createServer((_, response) => void response.writeHead(500).end('x'.repeat(100_000)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const send = policyFetch({ ...options, bulkhead: { maxConcurrent: 3, maxQueue: 0 } })
    const { signal } = new AbortController()
    const fetchOf = (target: string): Promise<Response> => send(target, { signal })
    const refused = async (): Promise<string> => {
      const response = await fetchOf(url)
      return response.ok ? 'ok' : `HTTP ${response.status}`
    }
    const held = (await fetchOf(url)).body!
    expect([await refused(), await refused()]).toEqual(['HTTP 500', 'HTTP 500'])
    await expect(fetchOf(url)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })

    // Garbage is collected, and told of, when the engine likes.
    let kept: PromiseSettledResult<Response>[] = []
    for (let tries = 0; kept.length === 0 || kept.some(({ status }) => status === 'rejected'); tries++) {
      expect(tries).toBeLessThan(200)
      collect()
      await sleep(20)
      kept = await Promise.allSettled([fetchOf(url), fetchOf(url)])
    }
    await expect(fetchOf(url)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })
    for (const one of kept) if (one.status === 'fulfilled') await one.value.body?.cancel()
    let bytes = 0
    for await (const chunk of held as unknown as AsyncIterable<Uint8Array>) bytes += chunk.length
    expect(bytes).toBe(100_000)
  },
)
