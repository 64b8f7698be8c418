/** All that an async iterable yields; Node 20 has no `Array.fromAsync`. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}
