// Items that wait, as a program would have them in a module of its own, so that threads can import it.
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export async function look({ waits }) {
  await sleep(waits)
  return waits
}

/** Computes, waits, and computes again. */
export async function work({ before, waits, after }) {
  burn(before)
  await sleep(waits)
  burn(after)
  return waits
}

function burn(ms) {
  const until = performance.now() + ms
  while (performance.now() < until);
}
