/** Turns of the event loop until told to stop. @returns a function that returns the longest time between two of them */
export function watchTurns() {
  let longest = 0
  let last = performance.now()
  let running = true
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (running) setTimeout(look, 1)
  }
  look()
  return () => {
    running = false
    return Math.max(longest, performance.now() - last)
  }
}
