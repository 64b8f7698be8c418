// What the package takes from Node, for a browser: a thread of its own, without addon, names or files.

const posted = []
const channel = new MessageChannel()
channel.port1.onmessage = () => posted.shift()()

/** Runs `fn` once all promise callbacks that are ready have run. */
export function setImmediate(fn) {
  posted.push(fn)
  channel.port2.postMessage(null)
}

/** Timers of Node are objects that can be told not to keep the process alive. */
class Timer {
  constructor(id) {
    this.id = id
  }
  ref() {
    return this
  }
  unref() {
    return this
  }
}
export const setTimeout = (fn, ms) => new Timer(globalThis.setTimeout(fn, ms))
export const clearTimeout = (timer) => globalThis.clearTimeout(timer?.id)
export const setInterval = (fn, ms) => new Timer(globalThis.setInterval(fn, ms))
export const clearInterval = (timer) => globalThis.clearInterval(timer?.id)

const channelOfNobody = { hasSubscribers: false, publish() {}, subscribe() {}, unsubscribe() {} }
const builtins = {
  'node:async_hooks': {},
  'node:crypto': globalThis.crypto,
  'node:diagnostics_channel': { channel: () => channelOfNobody, tracingChannel: () => channelOfNobody },
  // What is required has been joined already.
  'node:module': { createRequire: () => undefined },
  'node:timers': { setImmediate, setTimeout, clearTimeout, setInterval, clearInterval },
  'node:util': {
    types: { isSharedArrayBuffer: (given) => Object.prototype.toString.call(given) === '[object SharedArrayBuffer]' },
  },
  'node:worker_threads': { isMainThread: true, threadId: 0 },
}

export const process = {
  env: { AMORSIZE_NATIVE: '0' },
  pid: 1,
  platform: 'browser',
  getBuiltinModule: (name) => builtins[name],
  hrtime() {
    const now = performance.now()
    return [Math.floor(now / 1000), Math.round((now % 1000) * 1e6)]
  },
  emitWarning: (warning) => console.warn(warning),
  on() {},
  off() {},
}
