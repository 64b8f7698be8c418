import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { doorbell, ring, ringOthers } from '../../../dist/memory/shared/doorbell.js'
import { addonForbidden, describeWithAddon } from '../../support/native.js'

/** A worker with a doorbell. What becomes of it is listened for from the start: Node tells of its last message, its error and its end at once. */
async function openWorker(data: object = {}): Promise<{ worker: Worker; id: number; exitCode: Promise<number> }> {
  const worker = new Worker(new URL('../support/doorbell-worker.mjs', import.meta.url), { workerData: data })
  const exitCode = new Promise<number>((resolve) => worker.once('exit', resolve))
  const [id] = (await once(worker, 'message')) as [number]
  return { worker, id, exitCode }
}

it('calls a listener until it is removed; without the addon by the clock', async () => {
  let calls = 0
  const heard = new Promise<void>((resolve) => {
    const off = doorbell.onRing(() => {
      calls++
      off()
      resolve()
    })
  })
  if (!addonForbidden) ring(doorbell.id)
  await heard
  ring(doorbell.id)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(calls).toBe(1)
})

it('is answered without the addon, and holds its process, where fake timers stand in for Node’s meanwhile', () => {
  const program = `
    import { doorbell } from '${new URL('../../../dist/memory/shared/doorbell.js', import.meta.url).href}'
    Object.assign(globalThis, { setInterval: () => 0, clearInterval: () => {} })
    let calls = 0
    const off = doorbell.onRing(() => {
      if (++calls < 3) return
      off()
      doorbell.letGo()
      process.stdout.write('answered')
    })
    doorbell.hold()`
  const env = { ...process.env, AMORSIZE_NATIVE: '0' }
  const options = { env, encoding: 'utf8', timeout: 20_000 } as const
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options)
  expect([status, stdout]).toEqual([0, 'answered'])
}, 30_000)

describeWithAddon('a doorbell', () => {
  it('wakes the thread it belongs to, and only that', async () => {
    const [one, other] = await Promise.all([openWorker({ hold: true }), openWorker({ hold: true })])
    expect(one.id).not.toBe(other.id)
    let heardByOther = 0
    other.worker.on('message', () => heardByOther++)
    ring(one.id)
    expect(await once(one.worker, 'message')).toEqual(['rung'])
    expect(heardByOther).toBe(0)
    await Promise.all([one.worker.terminate(), other.worker.terminate()])
  })

  it('wakes every other thread at once, but not its own', async () => {
    const workers = await Promise.all([openWorker({ hold: true }), openWorker({ hold: true })])
    let own = 0
    const off = doorbell.onRing(() => own++)
    const heard = Promise.all(workers.map(({ worker }) => once(worker, 'message')))
    ringOthers()
    expect(await heard).toEqual([['rung'], ['rung']])
    off()
    expect(own).toBe(0)
    await Promise.all(workers.map(({ worker }) => worker.terminate()))
  })

  it('keeps no thread alive unless it is asked to', async () => {
    const { exitCode } = await openWorker()
    expect(await exitCode).toBe(0)
  })

  it('may be rung when its thread has ended, or was never there', async () => {
    const { worker, id } = await openWorker({ hold: true })
    await worker.terminate()
    ring(id)
    ring(4_000_000_000)
    ring(0)
  })

  it.each([
    ['exit', 3],
    ['throw', 1],
  ] as const)('goes with a thread that ends by %s', async (end, code) => {
    const { worker, id, exitCode } = await openWorker({ hold: true, end })
    worker.on('error', () => undefined)
    ring(id)
    expect(await exitCode).toBe(code)
    ring(id)
  })

  it('survives being rung without pause while threads start and are terminated', async () => {
    let ringing = true as boolean
    const rings = (async () => {
      while (ringing) {
        for (let i = 0; i < 100; i++) ringOthers()
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let round = 0; round < 5; round++) {
      const workers = await Promise.all(Array.from({ length: 3 }, () => openWorker({ hold: true })))
      await Promise.all(workers.map(({ worker }) => worker.terminate()))
    }
    ringing = false
    await rings
  })
})
