// Says what runs at present and how long it took: a name, a dot every ten seconds, the seconds at its end.
const DOT_MS = 10_000

/**
 * Runs one step of a longer job and returns what its work returns.
 *
 * @template T
 * @param {string} what - in a few words
 * @param {() => Promise<T>} work - prints nothing where all is well
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  process.stdout.write(`  ${what} …`)
  const startMs = performance.now()
  const dots = setInterval(() => process.stdout.write('.'), DOT_MS)
  try {
    return await work()
  } finally {
    clearInterval(dots)
    process.stdout.write(` ${Math.round((performance.now() - startMs) / 1000)} s\n`)
  }
}

/**
 * Runs programs one after the other, each as a step, up to the first that fails, of which all output is shown.
 *
 * @param {{ what: string, run: () => Promise<{ code: number, output: string }> }[]} programs
 * @returns {Promise<{ code: number }>} the exit code of the one that failed, or 0
 */
export async function inSteps(programs) {
  for (const { what, run } of programs) {
    const { code, output } = await step(what, run)
    if (code === 0) continue
    process.stdout.write(output)
    return { code }
  }
  return { code: 0 }
}

/**
 * Runs lists of programs side by side, those of a list one after the other, and says of each how long it took. All run to their end, so that
 * every fault is shown at once; their output comes when all have ended.
 *
 * @param {{ what: string, run: () => Promise<{ code: number, output: string }> }[][]} lists
 * @returns {Promise<{ code: number }>} the exit code of one that failed, or 0
 */
export async function sideBySide(lists) {
  const failures = []
  const inTurn = async (list) => {
    for (const { what, run } of list) {
      const startMs = performance.now()
      const result = await run()
      process.stdout.write(`  ${what} ${Math.round((performance.now() - startMs) / 1000)} s\n`)
      if (result.code !== 0) failures.push(result)
    }
  }
  await Promise.all(lists.map(inTurn))
  for (const { output } of failures) process.stdout.write(output)
  return { code: failures[0]?.code ?? 0 }
}
