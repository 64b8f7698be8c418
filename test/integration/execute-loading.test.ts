import { threadId } from 'node:worker_threads'
import { execute, task } from 'amorsize'
import { expect, it } from 'vitest'

it('a module that never ends to load in workers leaves its items to this thread, in each run', async () => {
  const url = new URL('../fixtures/tasks/never-loads.mjs', import.meta.url)
  const where = task<number, number>(url, 'whereAfter5Ms')
  const items = Array.from({ length: 20 }, (_, n) => n)
  // The first run has workers started; later ones begin with those, once they seem to be worth it.
  for (let run = 0; run < 8; run++) expect(await execute(where, items)).toEqual(items.map(() => threadId))
}, 20_000)
