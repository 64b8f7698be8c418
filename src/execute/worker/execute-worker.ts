/** The program of a worker thread: loads tasks, runs what it is sent, and reports before it dies, if it can. */
import { AsyncResource } from 'node:async_hooks'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { machineNow } from '../../internal/clock.js'
import { loadTask, type WorkerTask } from '../transfer/load-task.js'
import { markAsWorker } from '../nesting.js'
import { ItemStarter } from './item-starter.js'
import { loadPlacing, tellPlace } from './placement.js'
import { runBlock } from './claims.js'
import { inFlightOf, runChunk, type WorkerState } from './chunks.js'
import { Cell, MOST_LOOKS, type ToWorker, type WorkerStart } from './protocol.js'
import { guardOf } from './policies.js'
import type { Guard } from './policy-classes.js'
import { WorkerReport } from './report.js'

/** How long a worker that has been woken up waits for what it is to do. */
const AWAKE_MS = 0.5

const port = portOf(parentPort)
const { cells, epochMs } = workerData as WorkerStart
const report = new WorkerReport(port)
const state: WorkerState = { cells, report }
const nesting = markAsWorker()

/** A task that could not be loaded is here as the error that says why. */
const tasks = new Map<number, WorkerTask | { readonly refusal: unknown }>()
/** The policies of the run that has some. */
let policies: { readonly run: number; readonly guard: Guard; readonly waits: AbortController } | undefined
/** Messages that have been received, readable or not; see `Cell.POSTED`. */
let received = 0
/** Everything is done in the order in which it was sent. */
let last: Promise<void> = Promise.resolve()

function portOf(given: MessagePort | null): MessagePort {
  if (given === null)
    throw new Error(
      'amorsize/worker is what amorsize starts its worker threads with: an entry point for bundlers, not to be imported',
    )
  return given
}

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'wake') return
  if (message.kind === 'place') {
    loadPlacing()
    tellPlace(cells)
    return
  }
  if (message.kind === 'task') {
    await load(message)
    return
  }
  if (message.kind === 'forget') {
    tasks.delete(message.task)
    return
  }
  if (message.kind === 'policies') {
    const waits = new AbortController()
    policies = { run: message.run, guard: await guardOf(message.policies, message.timeoutMs, waits.signal), waits }
    return
  }
  if (message.kind === 'over') {
    if (policies?.run === message.run) policies = undefined
    return
  }
  if (message.kind === 'echo') {
    report.post(message)
    return
  }
  if (message.kind === 'chunk' && !begins(message.chunk)) return
  const task = tasks.get(message.task)
  if (typeof task !== 'function') return
  const guard = policies?.run === message.run ? policies.guard : undefined
  const starter = new ItemStarter(task, guard, message, inFlightOf(message) === 1, cells, epochMs)
  const startedMs = machineNow()
  if (message.kind === 'chunk') {
    await runChunk(message, starter, state)
    report.done(message.chunk, message.items.length, startedMs, machineNow())
  } else {
    const count = await runBlock(message, starter, state)
    cells[Cell.CURRENT] = -1
    // order: seq_cst. Pairs with pool-worker.ts:hasEndedBlock: who sees it sees all results in the block.
    Atomics.store(cells, Cell.BLOCK_ENDED, message.run)
    report.done(-1, count, startedMs, machineNow())
  }
  tellPlace(cells)
}

/** Whether this thread may begin a chunk: the main thread may have taken it back. Chunks come in order. */
function begins(chunk: number): boolean {
  for (;;) {
    const begun = Atomics.load(cells, Cell.BEGUN)
    if (begun >= chunk) return false
    // order: seq_cst. Pairs with pool-worker.ts:takeBack.
    if (Atomics.compareExchange(cells, Cell.BEGUN, begun, chunk) === begun) return true
  }
}

async function load({ task }: Extract<ToWorker, { kind: 'task' }>): Promise<void> {
  nesting.isLoading = true
  try {
    tasks.set(task.id, await loadTask(task))
    if (nesting.refusal !== undefined) throw nesting.refusal
    report.post({ kind: 'loaded', task: task.id, refusal: undefined, atMs: machineNow() })
  } catch (error) {
    tasks.set(task.id, { refusal: error })
    report.refused(task.id, error)
  } finally {
    nesting.isLoading = false
  }
}

function receive(message: ToWorker): void {
  take(message)
  if (message.kind === 'wake') stayAwake()
}

function take(message: ToWorker): void {
  received++
  // Out of order: what is under way may wait for a policy.
  if (message.kind === 'over' && policies?.run === message.run) policies.waits.abort()
  // What an item enters into the asynchronous context does not stay for those after it.
  last = last.then(AsyncResource.bind(() => handle(message)))
}

function receiveUnreadable(): void {
  received++
  last = last.then(() => report.post({ kind: 'unreadable' }))
}

/** There is nothing to do yet, but will be in a moment: to fall asleep and be woken up once more would take longer than that. */
function stayAwake(): void {
  tellPlace(cells)
  while (isPosted(performance.now() + AWAKE_MS)) {
    let next
    try {
      next = receiveMessageOnPort(port) as { readonly message: ToWorker } | undefined
    } catch {
      receiveUnreadable()
      return
    }
    if (next === undefined) return
    take(next.message)
    if (next.message.kind !== 'wake') return
  }
}

/**
 * Looks, until `untilMs` at most, whether there is a message that this thread has not received. Little code, for the reason given at
 * pool-worker.ts:endsBlock.
 */
function isPosted(untilMs: number): boolean {
  for (let looks = 0; looks < MOST_LOOKS && performance.now() < untilMs; looks++) {
    // order: seq_cst. Pairs with pool-worker.ts:send.
    if (((Atomics.load(cells, Cell.POSTED) - received) | 0) > 0) return true
  }
  return false
}

port.on('message', receive)
port.on('messageerror', receiveUnreadable)

// What is finished is not lost with an item that ends its thread.
const exit = process.exit.bind(process)
process.exit = (...code: Parameters<typeof exit>) => {
  report.flush()
  return exit(...code)
}

report.post({ kind: 'ready' })
