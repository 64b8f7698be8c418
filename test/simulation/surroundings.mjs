// What a thread of Node finds around it, on the time of the machine and by its seed.

/** @param {import('./thread.mjs').Thread} thread */
export function surroundingsOf(thread) {
  const { machine } = thread
  const now = () => machine.read(thread)
  const performance = { now }
  const timers = timersOf(thread)
  const modules = {
    'node:timers': timers,
    'node:perf_hooks': { performance },
    'node:worker_threads': { threadId: thread.id + 1, isMainThread: false },
    'node:crypto': cryptoOf(thread),
  }
  const process = {
    env: { AMORSIZE_NATIVE: '0' },
    platform: 'simulated',
    pid: 1,
    getBuiltinModule: (name) => modules[name] ?? globalThis.process.getBuiltinModule(name),
    hrtime: () => {
      const ms = now()
      return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]
    },
    emitWarning: (warning) => machine.say(thread, `warns: ${warning}`),
    on: () => process,
    once: () => process,
    off: () => process,
  }
  const WebAssembly = {
    Module: function Module() {
      return machine.module
    },
    Memory: globalThis.WebAssembly.Memory,
    Instance: function Instance(module, imports) {
      return new globalThis.WebAssembly.Instance(module, { ...imports, host: { ...imports.host, step: thread.step } })
    },
  }
  return {
    ...{ process, performance, WebAssembly, ...timers },
    globalThis: { setImmediate: timers.setImmediate, WebAssembly },
    queueMicrotask: (run) => thread.library.watch(Promise.resolve(), run),
    ...{ AbortController, AbortSignal, TextEncoder, TextDecoder, FinalizationRegistry, WeakRef },
  }
}

/** All of a program is garbage at once, and when that is collected is not for chance. */
function FinalizationRegistry() {
  return { register: () => undefined, unregister: () => undefined }
}
function WeakRef(target) {
  return { deref: () => target }
}

/** Node's: in whole milliseconds from when the turn began, which may be early, and late by as much as the world will have it. */
function timersOf(thread) {
  const { machine } = thread
  const { lateMs } = machine.world
  const lateness = () => 0.02 + 1.48 * thread.random() ** 2 + (thread.random() < 0.2 ? lateMs * thread.random() : 0)
  const set = (ms, run, again) => {
    const delayMs = ms >= 1 && ms < 2 ** 31 ? Math.trunc(ms) : 1
    let holds = true
    let entry
    const begin = () => {
      const dueMs = Math.floor(thread.turnBeganMs) + delayMs + lateness()
      entry = thread.at(Math.max(dueMs, machine.nowMs), fire, holds)
    }
    const fire = () => {
      if (again) begin()
      run()
    }
    const hold = (on) => {
      entry.holds = holds = on
      return timer
    }
    const timer = {
      ref: () => hold(true),
      unref: () => hold(false),
      hasRef: () => holds,
      clear: () => thread.cancel(entry),
    }
    begin()
    return timer
  }
  const clear = (timer) => timer?.clear()
  return {
    setTimeout: (run, ms, ...args) => set(ms, () => run(...args), false),
    setInterval: (run, ms, ...args) => set(ms, () => run(...args), true),
    setImmediate: (run, ...args) => thread.at(machine.nowMs, () => run(...args), true, true),
    clearTimeout: clear,
    clearInterval: clear,
  }
}

function cryptoOf(thread) {
  return {
    getRandomValues: (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
      for (let i = 0; i < bytes.length; i++) bytes[i] = thread.random() * 256
      return array
    },
    randomBytes: (size) => Buffer.from(Array.from({ length: size }, () => thread.random() * 256)),
  }
}
