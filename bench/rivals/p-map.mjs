/** Takes items as they come, and gives results in order. */
export const stream = {
  overlaps: true,
  levels: [16, 64],
  async start({ load, fn, level }) {
    const { pMapIterable } = await load('p-map')
    return (source) => pMapIterable(source, async (item) => fn(item), { concurrency: level })
  },
}

export async function items(load, limit) {
  const { default: pMap } = await load('p-map')
  return (items, fn) => pMap(items, fn, { concurrency: limit })
}
