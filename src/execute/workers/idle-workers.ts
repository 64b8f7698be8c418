/** Idle workers of all pools. */
let idle = 0

/** Workers of any kind that are there and idle: one comparison tells that there are none. */
export function idleWorkers(): number {
  return idle
}

/** So many more are idle now, or fewer. */
export function countIdleWorkers(more: number): void {
  idle += more
}
