// The worker of a pool tuned by hand: a task is a chunk of items, a module and the name of its function.
export default async function runChunk({ module, name, items }) {
  const { [name]: call } = await import(module)
  const results = []
  for (const item of items) {
    const result = call(item)
    results.push(typeof result?.then === 'function' ? await result : result)
  }
  return results
}
