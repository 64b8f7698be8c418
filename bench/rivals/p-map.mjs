export async function items(load, limit) {
  const { default: pMap } = await load('p-map')
  return (items, fn) => pMap(items, fn, { concurrency: limit })
}
