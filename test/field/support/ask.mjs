// Asks a server for many users at once, and tells whose answers are wrong.
import { callNames, faultOf } from './guarded-calls.mjs'

/**
 * @param {string} origin - of a server that answers `/<call>?user=<name>`
 * @param {string} name - of the call
 * @param {number} count - requests, all at once
 * @returns {Promise<string[]>} the faults, one for each wrong answer
 */
export async function askForAll(origin, name, count) {
  const answers = Array.from({ length: count }, async (_, n) => {
    const user = `user${n}`
    const response = await fetch(`${origin}/${encodeURIComponent(name)}?user=${user}`)
    if (response.status !== 200) return `${user}: status ${response.status}, ${await response.text()}`
    return faultOf(user, name, await response.json())
  })
  return (await Promise.all(answers)).filter((fault) => fault !== null)
}

export { callNames }
