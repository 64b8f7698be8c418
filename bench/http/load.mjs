// Asks a server over connections that stay, each of them again as soon as it has its answer. It does as little as it can, so that the
// server is what is busy.
import { connect } from 'node:net'
import { ANSWER } from './frameworks.mjs'

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/**
 * Opens `count` connections.
 *
 * @returns {Promise<{ run(ms: number): Promise<number>, close(): void }>} `run` returns how many answers came
 */
export async function openConnections(port, count) {
  let running = false
  let answers = 0
  let under = 0
  let settle
  let failure
  const fail = (error) => {
    failure ??= error
    settle?.reject(error)
  }
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port)))

  for (const socket of sockets) {
    let text = ''
    socket.on('data', (part) => {
      text += part
      if (!isWhole(text)) return
      const answer = text
      text = ''
      if (!answer.startsWith('HTTP/1.1 200')) return fail(new Error(`a server answered ${answer}`))
      answers++
      if (running) socket.write(REQUEST)
      else if (--under === 0) settle.resolve()
    })
    socket.on('close', () => fail(new Error('a server closed a connection')))
    socket.on('error', fail)
  }

  return {
    async run(ms) {
      if (failure !== undefined) throw failure
      answers = 0
      running = true
      under = sockets.length
      const ended = new Promise((resolve, reject) => (settle = { resolve, reject }))
      for (const socket of sockets) socket.write(REQUEST)
      const timer = setTimeout(() => (running = false), ms)
      await ended.finally(() => clearTimeout(timer))
      settle = undefined
      return answers
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.setEncoding('latin1').once('error', reject)
  })
}

/** Whether `text` is an answer to its end: its body is known. */
function isWhole(text) {
  return text.endsWith(`\r\n\r\n${ANSWER}`) || text.endsWith(`${ANSWER}\r\n0\r\n\r\n`)
}
