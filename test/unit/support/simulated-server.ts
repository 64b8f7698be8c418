/** A server under load on simulated time: requests arrive at random, a gate admits or refuses them, a few workers serve them in turn. */

/** What a server is like, and how much is asked of it. */
export interface ServerScenario {
  /** How many requests are served at a time, and how long that takes on average. */
  readonly servers: number
  readonly serviceMs: number
  /** How service times spread around their mean; default: exponentially. */
  readonly spread?: 'fixed' | { readonly sigma: number }
  /** Requests arrive at this share of what the server can do, at a time. */
  readonly load: (nowMs: number) => number
  /** What a request waits for, on average, before it is served, without taking a server. */
  readonly waitMs?: number
  /** Each request in flight beyond the servers makes service longer by this share. */
  readonly thrashing?: number
  /** Nothing is served for so long at the beginning of each period. */
  readonly pause?: { readonly everyMs: number; readonly forMs: number }
  /** From then on, so many servers. */
  readonly serversAt?: { readonly ms: number; readonly servers: number }
  /** From then on, service takes so many times as long. */
  readonly slowerAt?: { readonly ms: number; readonly by: number }
  /** The share of requests of high priority; default: all are. */
  readonly highShare?: number
  /** This share of the times is told so much later, as by a thread that is busy. */
  readonly late?: { readonly share: number; readonly ms: number }
}

/** What admits requests. */
export interface Gate {
  /** Whether a request goes on. */
  enter(isHigh: boolean): boolean
  /** How long a request took; its place is still taken. */
  tell(nowMs: number, ms: number): void
  leave(): void
}

export interface ServerOutcome {
  /** Requests served over those that could have been, after the first quarter. */
  readonly goodput: number
  /** How long requests took that ended after the first quarter, and after three quarters; sorted. ms */
  readonly latencies: Float64Array
  readonly lastLatencies: Float64Array
  /** The share of requests of high and of low priority that were refused. */
  readonly refusedHigh: number
  readonly refusedLow: number
}

type Event =
  | { readonly at: number; readonly kind: 'arrives' }
  | { readonly at: number; readonly kind: 'changes' }
  | { readonly at: number; readonly kind: 'waited' | 'served' | 'told'; readonly since: number }

/** The same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Events in the order of their times. */
class Agenda {
  readonly #heap: Event[] = []

  add(event: Event): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.at <= event.at) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = event
  }

  next(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return first
  }
}

/** Requests a ms that the server can do at a time, pauses left aside. */
function capacityAt({ servers, serviceMs, serversAt, slowerAt }: ServerScenario, nowMs: number): number {
  const now = serversAt !== undefined && nowMs >= serversAt.ms ? serversAt.servers : servers
  const slower = slowerAt !== undefined && nowMs >= slowerAt.ms ? slowerAt.by : 1
  return now / serviceMs / slower
}

/** Runs a server for `lengthMs` of simulated time. */
export function simulateServer(scenario: ServerScenario, gate: Gate, seed: number, lengthMs: number): ServerOutcome {
  const random = seededRandom(seed)
  const agenda = new Agenda()
  const exponential = (mean: number): number => -mean * Math.log(1 - random())
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const { spread, waitMs = 0, thrashing = 0, pause, highShare = 1, late } = scenario
  let { servers } = scenario
  let slower = 1
  let inFlight = 0
  let busy = 0
  const queue: number[] = []
  let served = 0
  const counts = { high: 0, low: 0, refusedHigh: 0, refusedLow: 0, done: 0 }
  const latencies: number[] = []
  const lastLatencies: number[] = []

  const serviceMs = (): number => {
    const mean = scenario.serviceMs * slower
    const ms =
      spread === undefined
        ? exponential(mean)
        : spread === 'fixed'
          ? mean
          : mean * Math.exp(spread.sigma * normal() - spread.sigma ** 2 / 2)
    return ms * (1 + thrashing * Math.max(0, inFlight - servers))
  }
  const pauseMs = (now: number): number => {
    if (pause === undefined || now < pause.everyMs) return 0
    return Math.max(0, pause.forMs - (now % pause.everyMs))
  }
  const serve = (now: number, since: number): void => {
    busy++
    agenda.add({ at: now + pauseMs(now) + serviceMs(), kind: 'served', since })
  }
  const serveOrQueue = (now: number, since: number): void => {
    if (busy < servers) serve(now, since)
    else queue.push(since)
  }
  const arriveAfter = (now: number): void => {
    const rate = scenario.load(now) * capacityAt(scenario, 0)
    agenda.add({ at: now + exponential(1 / rate), kind: 'arrives' })
  }

  arriveAfter(0)
  for (const change of [scenario.serversAt, scenario.slowerAt])
    if (change !== undefined) agenda.add({ at: change.ms, kind: 'changes' })
  for (let event = agenda.next(); event !== undefined && event.at <= lengthMs; event = agenda.next()) {
    const now = event.at
    if (event.kind === 'changes') {
      servers = scenario.serversAt?.servers ?? servers
      slower = scenario.slowerAt?.by ?? slower
    } else if (event.kind === 'arrives') {
      arriveAfter(now)
      const isHigh = highShare === 1 || random() < highShare
      counts[isHigh ? 'high' : 'low']++
      if (!gate.enter(isHigh)) counts[isHigh ? 'refusedHigh' : 'refusedLow']++
      else {
        inFlight++
        if (waitMs > 0) agenda.add({ at: now + exponential(waitMs), kind: 'waited', since: now })
        else serveOrQueue(now, now)
      }
    } else if (event.kind === 'waited') serveOrQueue(now, event.since)
    else if (event.kind === 'told') gate.tell(now, now - event.since - late!.ms)
    else {
      const ms = now - event.since
      busy--
      inFlight--
      if (served < queue.length && busy < servers) serve(now, queue[served++]!)
      if (now > lengthMs / 4) {
        latencies.push(ms)
        counts.done++
      }
      if (now > lengthMs * 0.75) lastLatencies.push(ms)
      if (late === undefined || random() >= late.share) gate.tell(now, ms)
      else agenda.add({ at: now + late.ms, kind: 'told', since: event.since })
      gate.leave()
    }
  }

  let possible = 0
  const step = 10
  for (let now = lengthMs / 4; now < lengthMs; now += step) {
    const share = pause === undefined ? 1 : 1 - pause.forMs / pause.everyMs
    possible += step * Math.min(capacityAt(scenario, now) * share, scenario.load(now) * capacityAt(scenario, 0))
  }
  return {
    goodput: counts.done / possible,
    latencies: Float64Array.from(latencies).sort(),
    lastLatencies: Float64Array.from(lastLatencies).sort(),
    refusedHigh: counts.refusedHigh / counts.high,
    refusedLow: counts.refusedLow / Math.max(1, counts.low),
  }
}

/** The 99th percentile of sorted numbers. */
export function p99(sorted: Float64Array): number {
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN
}
