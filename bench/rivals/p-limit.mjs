export async function items(load, limit) {
  const { default: pLimit } = await load('p-limit')
  return (items, fn) => pLimit(limit).map(items, fn)
}
