// A model API limits requests and tokens per minute. Pay an estimate, stream the answer, then settle the true cost.
import { RateLimiter } from 'amorsize'
import { FakeClock } from 'amorsize/testing'

const limits = (options) => ({
  rpm: { requestsPerSecond: 600 / 60, burstSize: 10, ...options },
  tpm: { requestsPerSecond: 60_000 / 60, burstSize: 3000, ...options },
})
const PROMPT_TOKENS = 200
const ANSWER_ESTIMATE = 1000

/** Plays the API: each part of an answer has some tokens. */
async function* stream(parts) {
  for (let part = 0; part < parts; part++) yield { tokens: 50 }
}

/** Asks the model once the limits allow the estimated cost, then settles the true one. Resolves to the tokens used. */
async function ask(model, parts, signal) {
  const permit = await model.acquire({ rpm: 1, tpm: PROMPT_TOKENS + ANSWER_ESTIMATE }, { signal })
  let usedTokens = PROMPT_TOKENS
  try {
    for await (const part of stream(parts)) usedTokens += part.tokens
  } finally {
    permit.settle({ tpm: usedTokens })
  }
  return usedTokens
}

const model = RateLimiter.all(limits())
const start = performance.now()
for (const [name, parts] of [
  ['short answer', 4],
  ['as estimated', 20],
  ['longer than thought', 30],
  ['waits for the debt', 1],
]) {
  const used = await ask(model, parts)
  const ms = Math.round(performance.now() - start)
  console.log(`${name}: paid ${PROMPT_TOKENS + ANSWER_ESTIMATE}, used ${used}, after ${ms} ms`)
}
if (!model.tryAcquire({ rpm: 1, tpm: 3000 })) console.log('3000 tokens at once: not now, and no request was charged')

// For ten minutes, callers ask for twice as much as the limits allow, and each gives up after 30 s. With a clock for tests this takes a
// moment.
const MINUTES = 10
const clock = new FakeClock()
const busy = RateLimiter.all(limits({ clock }))
let [answered, gaveUp, tokens] = [0, 0, 0]

async function impatient(parts) {
  const controller = new AbortController()
  const limit = clock.setTimeout(() => controller.abort(), 30_000)
  try {
    const used = await ask(busy, parts, controller.signal)
    tokens += used
    answered++
  } catch {
    gaveUp++
  } finally {
    clock.clearTimeout(limit)
  }
}

function offer() {
  const parts = 1 + Math.floor(Math.random() * 40)
  void impatient(parts)
  // An average answer has 20.5 parts, and callers ask for 2,000 tokens per second.
  clock.setTimeout(offer, ((PROMPT_TOKENS + 20.5 * 50) / 2000) * 1000 * -Math.log(1 - Math.random()))
}
offer()
await clock.advance(MINUTES * 60_000)
// The tokens produced in that time, and the full bucket at its beginning.
const share = (100 * tokens) / (MINUTES * 60_000 + 3000)
console.log(
  `twice the load, time limits of 30 s, ${MINUTES} minutes on a test's clock: ${answered} answered, ${gaveUp} gave up, ${share.toFixed(1)} % of the token rate served`,
)
