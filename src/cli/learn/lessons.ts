/** The output of a lesson's program: the object in its last line. */
export type Figures = Readonly<Record<string, unknown>>

/** A lesson of `amorsize learn`: a program with a gap, and a check that runs it and looks at what it printed. */
export interface Lesson {
  readonly title: string
  /** Explains the subject and the exercise, for a terminal of 80 columns. */
  readonly text: string
  /** The program with its gap, which begins with `// TODO`. */
  readonly program: string
  /** The line after the TODO, which `solution` replaces. */
  readonly gap: string
  readonly solution: string
  readonly hint: string
  /** Says in a sentence what is still wrong; null if the lesson is solved. */
  check(figures: Figures): string | null
}

const REPORT = 'console.log(JSON.stringify({'

const gettingStarted: Lesson = {
  title: 'Getting started: so many calls per second',
  text: `A limiter is a bucket of tokens. acquire() waits for one; tokens come back at
requestsPerSecond, and burstSize of them may be there at once.

The program makes 30 calls and prints how long that took. Limit it to 50 calls
per second, 5 of them at once: 25 calls wait, for 500 ms in all.`,
  program: `import { RateLimiter } from 'amorsize'

// TODO: 50 calls per second, 5 of them at once.
const limiter = new RateLimiter({ requestsPerSecond: 1000 })

const start = performance.now()
for (let call = 0; call < 30; call++) await limiter.acquire()
const { requestsPerSecond, burstSize } = limiter.policy
${REPORT} requestsPerSecond, burstSize, ms: Math.round(performance.now() - start) }))
`,
  gap: 'const limiter = new RateLimiter({ requestsPerSecond: 1000 })',
  solution: 'const limiter = new RateLimiter({ requestsPerSecond: 50, burstSize: 5 })',
  hint: 'The limiter takes two options: requestsPerSecond and burstSize.',
  check({ requestsPerSecond, burstSize, ms }) {
    if (requestsPerSecond !== 50) return `the rate is ${String(requestsPerSecond)} per second, and should be 50`
    if (burstSize !== 5) return `the burst is ${String(burstSize)}, and should be 5`
    return Number(ms) >= 499 ? null : `30 calls took ${String(ms)} ms, and should take 500`
  },
}

const measuring: Lesson = {
  title: 'Measuring and explaining: what would it do?',
  text: `execute(task, items) measures the first items and chooses how to run the rest.
optimize(task, items) does the same and stops there: it gives a plan, whose
explain() says why, and whose run() does the rest.

The function waits 10 ms for each item. Make a plan for it and run it.`,
  program: `import { optimize } from 'amorsize'

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms))
const items = Array.from({ length: 200 }, () => 10)

// TODO: a plan for wait and items.
const plan = { mode: 'none', explain: () => 'There is no plan yet.', run: async () => [] }

console.log(plan.explain())
${REPORT} mode: plan.mode, results: (await plan.run()).length }))
`,
  gap: "const plan = { mode: 'none', explain: () => 'There is no plan yet.', run: async () => [] }",
  solution: 'const plan = await optimize(wait, items)',
  hint: 'optimize takes the function and the items, and returns a promise.',
  check({ mode, results }) {
    if (results !== 200) return `the plan gave ${String(results)} results, and there are 200 items`
    return mode === 'async'
      ? null
      : `the plan's mode is '${String(mode)}'; items that wait are best run several at a time, 'async'`
  },
}

const tuning: Lesson = {
  title: 'Tuning: how many at a time?',
  text: `What optimize predicts, amorsize tune measures: every number of workers, every
size of chunks. The options that it prints can be given to execute.

The program runs 40 items that wait 10 ms, first in a loop, then with your
options. Choose options that are at least three times as fast.`,
  program: `import { execute } from 'amorsize'

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms))
const items = Array.from({ length: 40 }, () => 10)

// TODO: options with which it is at least three times as fast.
const options = { mode: 'serial' }

async function timeOf(how) {
  const start = performance.now()
  await execute(wait, items, how)
  return performance.now() - start
}
const loop = await timeOf({ mode: 'serial' })
const yours = await timeOf(options)
${REPORT} loopMs: Math.round(loop), yourMs: Math.round(yours) }))
`,
  gap: "const options = { mode: 'serial' }",
  solution: "const options = { mode: 'async', workers: 20 }",
  hint: "In mode 'async', workers is how many items are under way at once.",
  check({ loopMs, yourMs }) {
    const times = Number(loopMs) / Number(yourMs)
    return times >= 3 ? null : `your options are ${times.toFixed(1)} × as fast as the loop, and should be 3 ×`
  },
}

const webService: Lesson = {
  title: 'A web service: a limit for each user',
  text: `webLimit puts limits before a handler (request) => response; connectLimit,
fastifyLimit and honoLimit do so in their frameworks. key says whose request it
is: each key has limits of its own.

Three users send ten requests each; five of each should get through. Now they
share one limit.`,
  program: `import { webLimit } from 'amorsize/http'

// TODO: each user has a limit of five; the header x-user says who it is.
const key = () => 'everybody'

const limits = { minute: { max: 5, windowMs: 60_000 } }
const handler = webLimit({ limits, key }, () => new Response('hello'))
const admitted = { ada: 0, bob: 0, eve: 0 }
for (let i = 0; i < 10; i++)
  for (const user of Object.keys(admitted)) {
    const request = new Request('http://localhost/', { headers: { 'x-user': user } })
    if ((await handler(request)).status === 200) admitted[user]++
  }
${REPORT} ...admitted }))
`,
  gap: "const key = () => 'everybody'",
  solution: "const key = (request) => request.headers.get('x-user')",
  hint: "key gets the request: request.headers.get('x-user') is who sent it.",
  check({ ada, bob, eve }) {
    if (ada === 5 && bob === 5 && eve === 5) return null
    return `ada got ${String(ada)} through, bob ${String(bob)}, eve ${String(eve)}; it should be 5 each`
  },
}

const dataPipeline: Lesson = {
  title: 'A data pipeline: bad rows do not stop it',
  text: `By default the first item that fails ends the run, with its own error. With
onError: 'collect' all items run and each result says how it ended; deadLetter
names a file that keeps a line for each item that failed.

Two of the five rows are damaged. Let the run go on, and keep them in
failed.ndjson.`,
  program: `import { existsSync, readFileSync, rmSync } from 'node:fs'
import { execute } from 'amorsize'

rmSync('failed.ndjson', { force: true })
const rows = ['{"id":1}', '{"id":2', '{"id":3}', 'null}', '{"id":5}']

// TODO: go on after an item that failed, and keep those in failed.ndjson.
const options = {}

const results = await execute((row) => JSON.parse(row).id, rows, options).catch((error) => {
  console.log('The run ended:', error.message)
  return []
})
const good = results.filter((result) => result.status === 'fulfilled').length
const kept = existsSync('failed.ndjson') ? readFileSync('failed.ndjson', 'utf8').trimEnd().split('\\n').length : 0
${REPORT} good, kept }))
`,
  gap: 'const options = {}',
  solution: "const options = { onError: 'collect', deadLetter: 'failed.ndjson' }",
  hint: "Two options: onError: 'collect' and deadLetter: 'failed.ndjson'.",
  check({ good, kept }) {
    if (good !== 3) return `${String(good)} rows came out well, and should be 3`
    return kept === 2 ? null : `failed.ndjson has ${String(kept)} lines, and should have 2`
  },
}

const modelApi: Lesson = {
  title: 'A model API: estimate, then settle',
  text: `Model APIs limit requests and tokens. RateLimiter.all takes both or none; the
tokens are an estimate, since the true number is known with the answer only.
permit.settle gives back what was too much.

Each call is estimated at 1000 tokens and takes 400. 5000 tokens are there: five
calls, if nothing is given back; eleven, if each call settles.`,
  program: `import { RateLimiter } from 'amorsize'
import { FakeClock } from 'amorsize/testing'

const clock = new FakeClock() // stands still: no tokens come back by themselves
const model = RateLimiter.all({
  rpm: { requestsPerSecond: 10, burstSize: 100, clock },
  tpm: { requestsPerSecond: 10, burstSize: 5000, clock },
})
const call = async () => ({ totalTokens: 400 })

let calls = 0
for (;;) {
  const permit = model.tryAcquire({ rpm: 1, tpm: 1000 })
  if (permit === false) break
  const answer = await call()
  calls++
  // TODO: settle the permit with what the answer took.
  void answer
}
${REPORT} calls }))
`,
  gap: '  void answer',
  solution: '  permit.settle({ tpm: answer.totalTokens })',
  hint: 'permit.settle takes whole costs by limit: { tpm: … }.',
  check: ({ calls }) => (calls === 11 ? null : `${String(calls)} calls got through, and should be 11`),
}

/** All lessons, in order. */
export const lessons: readonly Lesson[] = [gettingStarted, measuring, tuning, webService, dataPipeline, modelApi]

/** The program of a lesson with its gap filled. */
export function solved({ program, gap, solution }: Lesson): string {
  return program.replace(gap, () => solution)
}
