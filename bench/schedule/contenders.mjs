// Who runs the cells: every rival that has a pool, this package among them. `start` makes ready for one workload and returns `run`,
// which is measured, and `how`, what was chosen by hand. Pools end with the process.
import { load, rivalsWith } from '../support/rivals.mjs'
import { plainLoop } from './timing.mjs'

const module = new URL('./workloads.mjs', import.meta.url).href

/** The least that anything costs that returns a promise; it is no contender. */
export const FLOOR = 'floor'

export const contenders = Object.fromEntries(
  rivalsWith('pool').flatMap(({ name, title, pool }) => {
    const usual = { title, start: ({ call }) => pool.start({ load, module, name: call.name }) }
    const tuned = {
      title: `${title}, tuned by hand`,
      start: ({ call, items }) => pool.tuned({ load, module, name: call.name, items }),
    }
    return [[name, usual], ...(pool.tuned === undefined ? [] : [[`${name}-tuned`, tuned]])]
  }),
)

/** Who runs the items, by name. */
export function contenderNamed(name) {
  return name === FLOOR
    ? { start: async ({ call }) => ({ run: async (items) => plainLoop(call, items) }) }
    : contenders[name]
}
