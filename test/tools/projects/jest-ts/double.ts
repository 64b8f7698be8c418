import { execute } from 'amorsize'

export const double = (n: number) => 2 * n

// What Jest makes of a function, so that it counts what is covered and requires what is imported, a worker has to take.
export const doubledInWorkers = (items: number[]) =>
  execute(
    async (n: number) => {
      const { sep } = await import('node:path')
      return sep.length === 1 ? 2 * n : n
    },
    items,
    { mode: 'threads', mainThread: false },
  )
