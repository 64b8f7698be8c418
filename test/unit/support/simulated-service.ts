/** What comes of a call that reaches a service: when it is done, and whether it has failed. */
interface Answer {
  readonly doneMs: number
  readonly failed?: boolean
}

/** A service: asked when the `index`-th call arrives while `inFlight` are there, this one included. */
export type Service = (arrivalMs: number, index: number, inFlight: number, random: () => number) => Answer

/** Makes a service for a run of `items` calls. */
export type ServiceOf = (items: number) => Service

/** What decides how many calls are under way. */
export interface Limit {
  readonly limit: number
  settled(nowMs: number, ms: number, inFlight: number, failed: boolean, before: number, started: number): void
}

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Calls that take `ms`, however many there are. */
export function latency(ms: (random: () => number, index: number) => number): ServiceOf {
  return () => (arrivalMs, index, _inFlight, random) => ({ doneMs: arrivalMs + ms(random, index) })
}

/** `count` calls at once, the others wait in turn; each slower by `thrash` for `count` calls too many; from half of the run on, `later` slots. */
export function slots(
  count: number,
  ms: number,
  { thrash = 0, sigma = 0.2, later = count }: { thrash?: number; sigma?: number; later?: number } = {},
): ServiceOf {
  return (items) => {
    let freeAt = new Array<number>(count).fill(0)
    return (arrivalMs, index, inFlight, random) => {
      if (later !== count && index >= items / 2 && freeAt.length !== later)
        freeAt = freeAt.sort((a, b) => a - b).slice(0, later)
      const next = freeAt.indexOf(Math.min(...freeAt))
      const took = ms * Math.exp(sigma * normal(random)) * (1 + (thrash * Math.max(0, inFlight - count)) / count)
      const doneMs = Math.max(arrivalMs, freeAt[next] ?? 0) + took
      freeAt[next] = doneMs
      return { doneMs }
    }
  }
}

/** Refuses within 2 ms what comes while more than `most` are there. */
export function refusing(most: number): ServiceOf {
  return () => (arrivalMs, _index, inFlight, random) =>
    inFlight > most
      ? { doneMs: arrivalMs + 2, failed: true }
      : { doneMs: arrivalMs + 20 * Math.exp(0.2 * normal(random)) }
}

/** Fails a share of the calls by chance. */
export function failing(share: number): ServiceOf {
  return () => (arrivalMs, _index, _inFlight, random) => ({
    doneMs: arrivalMs + 20 * Math.exp(0.2 * normal(random)),
    failed: random() < share,
  })
}

interface Event {
  atMs: number
  readonly doneMs: number
  readonly startedMs: number
  readonly index: number
  readonly failed: boolean
  /** Whether the service has been left, and only this thread has not heard of it. */
  hasLeft: boolean
  readonly isPump: boolean
}

/** Whether the service is done with it first: of those that a busy thread hears of at once, too. */
function isEarlier(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.doneMs < other.doneMs)
}

/** The earliest first. */
class Events {
  readonly #heap: Event[] = []

  push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isEarlier(event, heap[parent] as Event)) break
      heap[at] = heap[parent] as Event
      at = parent
    }
    heap[at] = event
  }

  pop(): Event | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return last
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isEarlier(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isEarlier(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
    return first
  }
}

export interface Simulated {
  readonly ms: number
  readonly failed: number
  readonly mostInFlight: number
  /** Share of the time in which more than 1.2 times `knee` were under way. */
  readonly overKnee: number
}

/**
 * Runs `items` calls in simulated time. To start a call, or to hear of its end, takes this thread 4 µs, and `burnMs` more to start it. With
 * `turnMs` calls are started so long after one has ended, and all that end meanwhile are heard of before. With `tickMs` a service answers only at whole
 * ticks, as timers do.
 */
export function simulate(
  serviceOf: ServiceOf,
  items: number,
  rule: Limit,
  seed: number,
  {
    burnMs = 0,
    knee = Infinity,
    turnMs = 0,
    tickMs = 0,
  }: { burnMs?: number; knee?: number; turnMs?: number; tickMs?: number } = {},
): Simulated {
  const random = seeded(seed)
  const serve = serviceOf(items)
  const events = new Events()
  let next = 0
  let inFlight = 0
  let atService = 0
  let freeMs = 0
  let failed = 0
  let mostInFlight = 0
  let countedMs = 0
  let overMs = 0
  const pumps = { isDue: false }
  const count = (nowMs: number): void => {
    if (nowMs > countedMs && inFlight > 1.2 * knee) overMs += nowMs - countedMs
    countedMs = Math.max(countedMs, nowMs)
  }
  const pumpAt = (atMs: number): void => {
    if (!pumps.isDue)
      events.push({ atMs, doneMs: atMs, startedMs: 0, index: -1, failed: false, hasLeft: true, isPump: true })
    pumps.isDue = true
  }
  const pump = (nowMs: number): void => {
    const untilMs = Math.max(nowMs, freeMs) + 4
    while (next < items && inFlight < Math.floor(rule.limit)) {
      const atMs = Math.max(nowMs, freeMs)
      if (atMs >= untilMs) {
        pumpAt(atMs)
        return
      }
      freeMs = atMs + 0.004 + burnMs
      count(freeMs)
      mostInFlight = Math.max(mostInFlight, ++inFlight)
      const index = next++
      const { doneMs, failed: isFailed = false } = serve(freeMs, index, ++atService, random)
      const atTick = tickMs > 0 ? Math.ceil(doneMs / tickMs) * tickMs : doneMs
      events.push({
        atMs: atTick,
        doneMs: atTick + 1e-9 * index,
        startedMs: freeMs,
        index,
        failed: isFailed,
        hasLeft: false,
        isPump: false,
      })
    }
  }
  pump(0)
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    if (event.isPump) {
      pumps.isDue = false
      pump(event.atMs)
      continue
    }
    if (!event.hasLeft) {
      event.hasLeft = true
      atService--
      if (freeMs > event.atMs) {
        event.atMs = freeMs
        events.push(event)
        continue
      }
    }
    freeMs = Math.max(event.atMs, freeMs) + 0.004
    count(freeMs)
    if (event.failed) failed++
    const due = turnMs > 0 && pumps.isDue ? Math.max(0, Math.floor(rule.limit) - inFlight) : 0
    rule.settled(freeMs, freeMs - event.startedMs, inFlight-- + due, event.failed, event.index, next + due)
    if (turnMs > 0) pumpAt(freeMs + turnMs)
    else pump(freeMs)
  }
  return { ms: freeMs, failed, mostInFlight, overKnee: overMs / freeMs }
}
