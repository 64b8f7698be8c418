// A model API and what it is asked.
import { RateLimiter } from 'amorsize'

export const model = RateLimiter.all({
  rpm: { requestsPerSecond: 500 / 60, burstSize: 20 },
  tpm: { requestsPerSecond: 30_000 / 60, burstSize: 8000 },
})

export const prompt = 'Why is the sky blue?'
export const promptTokens = 8
export const maxAnswerTokens = 200

interface Answer {
  readonly usage: { readonly total_tokens: number }
}

export const ask: (prompt: string) => Promise<Answer> = async () => ({ usage: { total_tokens: 900 } })

export const streamAnswer: (prompt: string) => AsyncGenerator<{ readonly tokens: number }> = async function* () {
  yield { tokens: 90 }
  yield { tokens: 60 }
}
