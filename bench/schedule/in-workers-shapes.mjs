// Items that wait in worker threads: what each shape's items are, and the task of in-workers-tasks.mjs that takes them.
const list = (length, itemOf) => Array.from({ length }, (_, i) => itemOf(i))

export const shapes = {
  waits: { title: 'wait 20 ms', name: 'look', items: list(1000, () => ({ waits: 20 })) },
  stragglers: {
    title: 'wait 10 ms, every 20th 1 s',
    name: 'look',
    items: list(1000, (i) => ({ waits: i % 20 === 19 ? 1000 : 10 })),
  },
  'burn-and-wait': {
    title: 'compute 5 ms, wait 20 ms',
    name: 'work',
    items: list(200, () => ({ before: 5, waits: 20, after: 0 })),
  },
  'wait-and-burn': {
    title: 'wait 20 ms, compute 5 ms',
    name: 'work',
    items: list(200, () => ({ before: 0, waits: 20, after: 5 })),
  },
}
