// What is measured: the same composition in each library, around the same function. Nothing waits, fails or is refused.
import { load, rivalNamed, rivalsWith } from '../support/rivals.mjs'

const settings = {
  retries: 3,
  timeoutMs: 1000,
  concurrent: 10,
  failures: 5,
  /** The function that is guarded: it has its answer at once. */
  answer: async () => 1,
  /** Reads its signal, as a function that can be cancelled does. */
  answerWithSignal: async ({ signal }) => (signal.aborted ? 0 : 1),
}

const all = ['retry', 'breaker', 'bulkhead', 'timeout']

/** The parts of each composition, outermost first, and what is done with the signal: none, read by the function, or passed by the caller. */
const compositions = [
  { path: 'retry + breaker + bulkhead + timeout', parts: all },
  { path: 'breaker + bulkhead + timeout', parts: all.slice(1) },
  { path: 'all four, the function reads its signal', parts: all, signal: 'read' },
  { path: 'all four, the caller passes a signal', parts: all, signal: 'passed' },
  ...['retry', 'breaker', 'bulkhead', 'timeout', 'fallback'].map((part) => ({ path: part, parts: [part] })),
]

/** Returns every composition of every library that can make it. */
export async function subjects() {
  const found = []
  for (const { path, parts, signal = 'none' } of compositions) {
    for (const { name: library, policies, role } of rivalsWith('policies')) {
      if ((await policies(load, parts, signal, settings)) === null) continue
      found.push({ id: `${path}: ${library}`, path, library: role === 'floor' ? 'no policy' : library, parts, signal })
    }
  }
  return found
}

/** Returns the function that makes one call of the subject with this id. */
export function prepare(id) {
  const [path, library] = id.split(': ')
  const { parts, signal = 'none' } = compositions.find((composition) => composition.path === path)
  return rivalNamed(library).policies(load, parts, signal, settings)
}
