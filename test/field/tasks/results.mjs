import { statSync } from 'node:fs'
import { AxiosHeaders } from 'axios'

/** Takes as long as makes workers worth it. */
function spend(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

export function parseHeaders(text) {
  spend(0.5)
  return text === '' ? null : AxiosHeaders.from(text)
}

/** As many programs do that go on where a file is missing. */
export function look(path) {
  spend(0.5)
  try {
    return { path, size: statSync(path).size }
  } catch (error) {
    return { path, error }
  }
}
