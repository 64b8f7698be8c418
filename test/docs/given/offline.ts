// Loaded before every example: nothing goes beyond this machine. What is asked for elsewhere is answered here.
const own = globalThis.fetch
const isHere = (url: string): boolean => ['127.0.0.1', 'localhost'].includes(new URL(url).hostname)

globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  if (isHere(url)) return own(input, init)
  init?.signal?.throwIfAborted()
  return Response.json({ name: 'Ada', items: [], usage: { total_tokens: 12 } })
}

export {}
