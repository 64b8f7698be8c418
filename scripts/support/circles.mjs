import { dirname, posix } from 'node:path'

/** Each file that a module names, types and what is loaded on use included: whoever reads one has to read the other. */
const NAMED = /(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+)\.js'/g

/**
 * Groups of files that import each other in a circle, each sorted.
 *
 * @param {Map<string, string>} sources - text by path, `/` between its parts
 * @returns {string[][]}
 */
export function circlesIn(sources) {
  const imports = new Map([...sources].map(([path, text]) => [path, importsOf(path, text, sources)]))
  // Source: Tarjan, Depth-first search and linear graph algorithms, 1972.
  const order = new Map()
  const lowest = new Map()
  const open = []
  const circles = []
  const visit = (path) => {
    order.set(path, order.size)
    lowest.set(path, order.get(path))
    open.push(path)
    for (const next of imports.get(path)) {
      if (!order.has(next)) visit(next)
      if (open.includes(next)) lowest.set(path, Math.min(lowest.get(path), lowest.get(next)))
    }
    if (lowest.get(path) !== order.get(path)) return
    const circle = open.splice(open.indexOf(path))
    if (circle.length > 1) circles.push(circle.sort())
  }
  for (const path of imports.keys()) if (!order.has(path)) visit(path)
  return circles
}

function importsOf(path, text, sources) {
  const named = [...text.matchAll(NAMED)].map(([, name]) => posix.join(dirname(path), `${name}.ts`))
  return new Set(named.filter((name) => sources.has(name)))
}
