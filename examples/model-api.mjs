// A model API limits requests and tokens a minute. Pay an estimate, stream the answer, settle what it was.
import { RateLimiter } from 'amorsize'

const model = RateLimiter.all({
  rpm: { requestsPerSecond: 600 / 60, burstSize: 10 },
  tpm: { requestsPerSecond: 60_000 / 60, burstSize: 3000 },
})
const start = performance.now()

/** Stands for the API: each part of an answer has some tokens. */
async function* stream(parts) {
  for (let part = 0; part < parts; part++) yield { tokens: 50 }
}

async function ask(name, promptTokens, parts) {
  const permit = await model.acquire({ rpm: 1, tpm: promptTokens + 1000 })
  let answerTokens = 0
  try {
    for await (const part of stream(parts)) answerTokens += part.tokens
  } finally {
    permit.settle({ tpm: promptTokens + answerTokens })
  }
  console.log(
    `${name}: paid ${promptTokens + 1000}, used ${promptTokens + answerTokens}, after ${Math.round(performance.now() - start)} ms`,
  )
}

await ask('short answer', 200, 4)
await ask('as estimated', 200, 20)
await ask('longer than thought', 200, 30)
await ask('waits for the debt', 200, 1)

if (!model.tryAcquire({ rpm: 1, tpm: 3000 })) console.log('3000 tokens at once: not now, and no request was charged')
