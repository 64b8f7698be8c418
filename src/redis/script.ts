import { createHash } from 'node:crypto'

/** What a server runs: its text, and the digest by which the server knows it once it has seen it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
