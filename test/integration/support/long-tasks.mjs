/** Tasks whose items keep a thread for longer than a slice. */
const busy = (ms) => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

export function double(n) {
  busy(8)
  return 2 * n
}

export function next(n) {
  busy(9)
  return n + 1
}
