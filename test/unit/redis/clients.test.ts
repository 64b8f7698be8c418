import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import { connectionOf } from '../../../dist/redis/clients.js'

/** A cluster of node-redis, which does not tell whether it is ready, and those that were made from it. */
function cluster() {
  const made: { connect(): Promise<void>; opened: () => void; asked: ((answer: unknown) => void)[] }[] = []
  const duplicate = () => {
    let opened!: () => void
    const connecting = new Promise<void>((resolve) => (opened = resolve))
    const asked: ((answer: unknown) => void)[] = []
    const own = {
      isOpen: true,
      opened,
      asked,
      duplicate,
      on: () => own,
      connect: () => connecting,
      destroy: () => undefined,
      evalSha: () => new Promise((resolve) => asked.push(resolve)),
      eval: () => Promise.resolve(),
    }
    made.push(own)
    return own
  }
  return { given: duplicate(), made }
}

it('sends nothing by a cluster that was made anew before it is connected', async () => {
  let nowMs = 0
  const time = vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const { given, made } = cluster()
  const connection = connectionOf(given, false)
  const ask = () => connection.run({ sha: 'sha', text: 'text' }, 'key', [], () => true)
  made[1]!.opened()
  await new Promise(setImmediate)
  void ask()
  expect(made[1]!.asked).toHaveLength(1)
  // The server is not heard of for so long that the connection is given up.
  nowMs = 2000
  const answer = ask()
  await new Promise(setImmediate)
  expect(made).toHaveLength(3)
  expect(made[2]!.asked).toHaveLength(0)
  made[2]!.opened()
  await new Promise(setImmediate)
  made[2]!.asked[0]!('answer')
  expect(await answer).toBe('answer')
  time.mockRestore()
})

it.each([
  ['its socket is there', 'connect'],
  ['it fails', 'error'],
  ['it tries again', 'reconnecting'],
])('ends a connection of node-redis that was closed while it opens, once %s', (_, event) => {
  const destroy = vi.fn()
  const own = Object.assign(new EventEmitter(), {
    isOpen: true,
    isReady: false,
    duplicate: () => own,
    connect: () => new Promise<void>(() => undefined),
    destroy,
    evalSha: () => Promise.resolve(),
    eval: () => Promise.resolve(),
  })
  connectionOf(own, false).close()
  // Node-redis would open the socket that it has begun to, and end nothing then.
  expect(destroy).not.toHaveBeenCalled()
  own.emit(event)
  expect(destroy).toHaveBeenCalledOnce()
})

it('makes no connection anew that was closed, since nobody would end it', async () => {
  const time = vi.spyOn(performance, 'now').mockReturnValue(0)
  const { given, made } = cluster()
  const connection = connectionOf(given, false)
  connection.close()
  time.mockReturnValue(2000)
  void connection.run({ sha: 'sha', text: 'text' }, 'key', [], () => true)
  expect(made).toHaveLength(2)
  time.mockRestore()
})
