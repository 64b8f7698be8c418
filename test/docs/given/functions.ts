// The reader's own functions, which a policy is put around.
export interface User {
  readonly id: number
  readonly name: string
}

export async function loadUser(id: number, signal?: AbortSignal): Promise<User> {
  signal?.throwIfAborted()
  return { id, name: 'Ada' }
}

export async function loadRates(signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted()
  return 'EUR 1.08'
}

export interface Item {
  readonly name: string
}

export async function loadList(): Promise<Item[]> {
  return [{ name: 'first' }]
}

export async function find(query: string): Promise<string[]> {
  return [query]
}

export async function query(text: string): Promise<string[]> {
  return [text]
}

export const addUp: (from: object) => Promise<number> = async () => 6

let calls = 0
/** Fails three times, then does it. */
export async function flaky(): Promise<void> {
  if (calls++ < 3) throw new Error('not yet')
}

export const id = 42
export const database = { query }
export const db = {}
export const cache: { get(key: string): string; clear(): void } = { get: () => 'EUR 1.07', clear: () => undefined }
export const send: (...what: unknown[]) => void = () => undefined
export const save: (row: unknown) => Promise<void> = async () => undefined
