import { nativeAddon } from '../../internal/native.js'
import { notify } from '../../internal/listeners.js'

declare module '../../internal/native.js' {
  /** The functions of native/binding/doorbell.cc. */
  interface NativeAddon {
    doorbellOpen(callback: () => void): number
    doorbellHold(id: number, on: boolean): void
    doorbellRing(id: number): void
    doorbellRingOthers(id: number): void
  }
}

/** Without the addon, how often listeners are called, for nothing rings. */
const POLL_MS = 5

/** A doorbell that no thread has. */
export const NO_DOORBELL = 0

const listeners = new Set<() => void>()
let ownId: number | undefined
let poll: NodeJS.Timeout | undefined
let holders = 0

/**
 * The doorbell of this copy of the package in this thread, for others to ring; {@link NO_DOORBELL} without the addon. Opened by the first
 * call, closed when this copy is collected, or with the thread.
 */
export function ownDoorbell(): number {
  return (ownId ??= nativeAddon()?.doorbellOpen(answer) ?? NO_DOORBELL)
}

/**
 * Has `listener` called in this thread soon after another thread rang; it must look for itself whether that concerns it. It may also
 * be called for nothing. Keeps no process alive.
 *
 * @returns a function that removes the listener
 */
export function onRing(listener: () => void): () => void {
  listeners.add(listener)
  if (ownDoorbell() === NO_DOORBELL) startPolling()
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) stopPolling()
  }
}

/** Wakes the thread of doorbell `id`; nothing happens if it has ended. Cost: a few microseconds, less while a ring is unanswered. */
export function ring(id: number): void {
  nativeAddon()?.doorbellRing(id)
}

/** Wakes every other thread of the process that has a doorbell. */
export function ringOthers(): void {
  nativeAddon()?.doorbellRingOthers(ownDoorbell())
}

/**
 * Keeps this thread alive, for somebody in it waits for what only another thread can give, until {@link letGo} is called as often.
 * There must be a listener.
 */
export function holdForRing(): void {
  if (holders++ === 0) hold(true)
}

export function letGo(): void {
  if (--holders === 0) hold(false)
}

function hold(on: boolean): void {
  if (ownDoorbell() !== NO_DOORBELL) nativeAddon()?.doorbellHold(ownDoorbell(), on)
  else if (on) poll?.ref()
  else poll?.unref()
}

/** Calls the listeners of this thread now. */
export function answer(): void {
  for (const listener of listeners) notify('of a doorbell', listener)
}

function startPolling(): void {
  if (poll !== undefined) return
  poll = setInterval(answer, POLL_MS)
  if (holders === 0) poll.unref()
}

function stopPolling(): void {
  clearInterval(poll)
  poll = undefined
}
