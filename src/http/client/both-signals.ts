import { type SignalListener, unwatchSignal, watchSignal } from '../../internal/signal-watch.js'

/** Ends what follows signals for the sake of a body that nobody can read any more. */
const collected = new FinalizationRegistry<BothSignals>((both) => both.release())

/** A signal that is aborted with either of two. `AbortSignal.any` of Node 20 leaves something with a signal that stays, each time. */
class BothSignals implements SignalListener {
  readonly #given: readonly AbortSignal[]
  readonly #controller = new AbortController()

  constructor(...given: AbortSignal[]) {
    this.#given = given
    if (given.some(({ aborted }) => aborted)) this.signalAborted()
    else for (const each of given) watchSignal(each, this)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  signalAborted(): void {
    this.release()
    this.#controller.abort(this.#given.find(({ aborted }) => aborted)?.reason)
  }

  release(): void {
    for (const each of this.#given) unwatchSignal(each, this)
  }
}

/** Sends under a signal that is aborted with either of two, also while the answer is read. */
export async function underBoth(
  one: AbortSignal | undefined,
  other: AbortSignal | undefined,
  send: (signal: AbortSignal | undefined) => Promise<Response>,
): Promise<Response> {
  if (one === undefined || other === undefined) return send(one ?? other)
  const both = new BothSignals(one, other)
  let body: unknown
  try {
    const response = await send(both.signal)
    body = response.body
    return response
  } finally {
    // That of a mock may be text, or none.
    if (typeof body === 'object' && body !== null) collected.register(body, both)
    else both.release()
  }
}
