// `execute` and `stream` while their workers die: of process.exit() and of want of memory in a task, and by terminate() from outside.
// Arguments: how to run (a key of `forms`), and how many workers are to die. Prints what it has seen, then has to end by itself.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import { bulkhead, execute, retry, stream, task } from 'amorsize'
import * as tasks from './execute-kills-tasks.mjs'

const [form, wanted] = [process.argv[2], Number(process.argv[3])]
const alive = new Set()
const postMessage = Worker.prototype.postMessage
const given = new WeakSet()
// Those that have run items: one that dies as it starts is another matter, and on a busy machine it does so for long.
Worker.prototype.postMessage = function (...message) {
  if (!given.has(this) && ['chunk', 'block'].includes(message[0].kind)) {
    given.add(this)
    // Of a block it may say nothing before it has ended it.
    if (message[0].kind === 'block') alive.add(this)
    else this.on('message', ({ kind }) => ['results', 'done'].includes(kind) && alive.add(this))
    this.once('error', (error) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') deaths.memory++
    })
    this.once('exit', (code) => {
      alive.delete(this)
      if (code === 9) deaths.exit++
    })
  }
  return postMessage.apply(this, message)
}

const deaths = { exit: 0, memory: 0, terminate: 0 }
const died = () => deaths.exit + deaths.memory + deaths.terminate

function terminateOne() {
  const all = [...alive]
  if (all.length === 0) return
  deaths.terminate++
  void all[Math.floor(Math.random() * all.length)].terminate()
}

const count = 1000
const range = Array.from({ length: count }, (_, n) => n)
const objects = range.map((n) => ({ n, text: 'é'.repeat(n % 40) }))
const arrays = range.map((n) => Float64Array.from({ length: n % 20 }, (_, i) => n + i))
async function* slowly(items) {
  yield* items
}

const options = () => ({
  mode: 'threads',
  workers: 2,
  mainThread: Math.random() < 0.3,
  retryCrashedItems: 1000,
  maxMemoryPerWorker: 16 * 1024 * 1024,
  ...(Math.random() < 0.5 ? {} : { chunkSize: 1 + Math.floor(Math.random() * 40) }),
})
const named = (name) => task(new URL('./execute-kills-tasks.mjs', import.meta.url), name)
/** What `execute` gives, once it is sure that each item has settled once. */
async function executed(name, items, more = {}) {
  let last
  const results = await execute(named(name), items, {
    ...options(),
    onProgress: (progress) => (last = progress),
    ...more,
  })
  if (last.completed !== count || last.failed !== 0)
    throw new Error(`settled ${last.completed} + ${last.failed} of ${count}`)
  return results
}

async function streamed(ordered) {
  const outcomes = []
  for await (const outcome of stream(named('object'), slowly(objects), { ...options(), ordered, onError: 'collect' }))
    outcomes.push(outcome)
  if (outcomes.length !== count) throw new Error(`${outcomes.length} outcomes of ${count} items`)
  if (ordered && outcomes.some(({ index }, position) => index !== position)) throw new Error('not in order')
  return outcomes.sort((a, b) => a.index - b.index).map(({ value }) => value)
}

/** Several under way in each worker, and others that wait for a slot. */
async function guarded() {
  const slots = bulkhead({ maxConcurrent: 20 })
  const results = await executed('waiting', range, { policies: [retry(), slots] })
  if (slots.available !== 20) throw new Error(`${slots.available} slots of 20 are free`)
  return results
}

/** Aborted again and again, and resumed, until it comes through. */
async function resumed() {
  const dir = mkdtempSync(join(tmpdir(), 'amorsize-kills-'))
  try {
    for (let tries = 0; ; tries++) {
      const signal = tries < 3 ? AbortSignal.timeout(20 + Math.floor(300 * Math.random())) : undefined
      try {
        return await executed('object', objects, { checkpoint: { dir }, signal })
      } catch (error) {
        if (error.name !== 'TimeoutError') throw error
      }
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const forms = {
  numbers: { task: 'number', items: range, run: () => executed('number', range) },
  mixed: { task: 'mixed', items: range, run: () => executed('mixed', Int32Array.from(range)) },
  objects: { task: 'object', items: objects, run: () => executed('object', objects) },
  'typed arrays': { task: 'typed', items: arrays, run: () => executed('typed', arrays) },
  waiting: { task: 'waiting', items: range, run: () => executed('waiting', range) },
  'waiting under policies': { task: 'waiting', items: range, run: guarded },
  'ordered stream': { task: 'object', items: objects, run: () => streamed(true) },
  'unordered stream': { task: 'object', items: objects, run: () => streamed(false) },
  checkpoint: { task: 'object', items: objects, run: resumed },
}

const chosen = forms[form]
const expected = await Promise.all(chosen.items.map((item) => tasks[chosen.task](item)))
let timer
const kill = () => {
  timer = setTimeout(
    () => {
      terminateOne()
      kill()
    },
    20 + Math.random() * 200,
  )
}
kill()
let runs = 0
try {
  while (died() < wanted) {
    const results = await chosen.run()
    runs++
    for (let i = 0; i < count; i++) {
      if (!isDeepStrictEqual(results[i], expected[i]))
        throw new Error(`item ${i} gave ${inspect(results[i])}, in the loop ${inspect(expected[i])}`)
    }
    if (results.length !== count) throw new Error(`${results.length} results of ${count} items`)
  }
} finally {
  clearTimeout(timer)
}
// Those of the pool that wait for work; their number has not grown with the deaths.
if (alive.size > 2) throw new Error(`${alive.size} workers are left`)
console.log(JSON.stringify({ runs, ...deaths }))
