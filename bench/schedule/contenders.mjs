// Who runs the items: this package, and later the rivals. `start` makes ready for one workload and returns `run`, which is
// measured, and `end`.
import { availableParallelism } from 'node:os'
import { execute } from '../../dist/bundle/index.js'

export const contenders = {
  amorsize: {
    title: 'amorsize',
    async start({ call, items }) {
      // Workers are there before a cell that would start none by itself.
      const workers = Math.max(1, availableParallelism() - 1)
      await execute(call, items.slice(0, 10), { mode: 'threads', workers })
      return { run: (all) => execute(call, all) }
    },
  },
}
