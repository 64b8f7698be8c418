import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { MAX_BURST, MAX_RATE } from '../../../dist/memory/shared/rate.js'
import {
  ADAPTIVE,
  BREAKER,
  BREAKER_PARAMETER,
  BUCKET,
  CELL_BYTES,
  KEYED,
  KIND,
  kindWord,
  LAYOUT_VERSION,
  MACHINE,
  NAMED_BUCKET,
  REGION,
  RETRY_BUDGET,
  SEMAPHORE,
  WAITERS,
  WINDOW,
  WORDS_PER_CELL,
} from '../../../dist/memory/shared/layout.js'
import { MAX_BREAKER_COUNT, MAX_BREAKER_MS } from '../../../dist/memory/breaker/parameters.js'
import { BREAKER_STATE, CALL_RESULT, UPDATE_RESULT } from '../../../dist/memory/breaker/breaker.js'
import { ADMISSION } from '../../../dist/memory/semaphore/semaphore.js'
import { OUTCOME } from '../../../dist/memory/bucket/bucket.js'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8').replace(/\/\/.*$/gm, '')

/** The constants of a header by the namespace they are in; sizes of C++ types are the only names it must know from elsewhere. */
function constantsOf(text: string): Map<string, bigint> {
  const known = new Map<string, bigint>()
  let space = ''
  for (const statement of text.replace(/int64_t\{(\w+)\}/g, '$1').split(/[;{}]/)) {
    const opened = /namespace (?:amorsize::)?(\w+)\s*$/.exec(statement)
    if (opened !== null) space = opened[1]!
    const constant = /constexpr (?:size_t|int64_t|int|double) (k\w+) =\s+([\s\S]+)/.exec(statement)
    if (constant === null) continue
    const name = constant[1]!
    known.set(space === 'core' ? name : `${space}.${name}`, valueOf(constant[2]!, known, space))
  }
  return known
}

function valueOf(expression: string, known: Map<string, bigint>, space: string): bigint {
  const js = expression
    .replaceAll("'", '')
    .replace(/sizeof\(Word\)/g, '8')
    .replace(/\bk[A-Z]\w*/g, (name) => String(known.get(`${space}.${name}`) ?? known.get(name)))
    .replace(/\b(0x[\dA-Fa-f]+|\d+)\b/g, '$1n')
  return runInNewContext(js) as bigint
}

const layout = constantsOf(read('native/core/layout.h'))
const lowerFirst = (name: string): string => name[1]!.toLowerCase() + name.slice(2)
const ofNamespace = (space: string): Record<string, number | bigint> =>
  Object.fromEntries(
    [...layout]
      .filter(([name]) => name.startsWith(`${space}.`))
      .map(([name, value]) => [lowerFirst(name.split('.')[1]!), value]),
  )
const asBigInts = (object: object): Record<string, bigint> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, BigInt(value as number | bigint)]))

describe('src/memory/shared/layout.ts is native/core/layout.h', () => {
  it('in version and sizes', () => {
    expect([layout.get('kLayoutVersion'), layout.get('kCellBytes'), layout.get('kWordsPerCell')]).toEqual(
      [LAYOUT_VERSION, CELL_BYTES, WORDS_PER_CELL].map(BigInt),
    )
  })

  it('in every word of a region, no more and no fewer', () => {
    expect(asBigInts(REGION)).toEqual(ofNamespace('region'))
  })

  it.each([
    ['machine', MACHINE],
    ['bucket', BUCKET],
    ['breaker', BREAKER],
    ['retry_budget', RETRY_BUDGET],
    ['semaphore', SEMAPHORE],
    ['adaptive', ADAPTIVE],
    ['waiters', WAITERS],
    ['named_bucket', NAMED_BUCKET],
    ['keyed', KEYED],
    ['window', WINDOW],
  ])('in all that it names of %s', (space, words) => {
    expect(ofNamespace(space)).toMatchObject(asBigInts(words))
  })

  it('in every parameter of a circuit breaker, no more and no fewer', () => {
    expect(asBigInts(BREAKER_PARAMETER)).toEqual(ofNamespace('breaker_parameter'))
  })

  it('in the masks of what it shifts', () => {
    expect(ofNamespace('machine')['pidMask']).toBe((1n << BigInt(MACHINE.pidBits)) - 1n)
    expect(ofNamespace('keyed')['generationMask']).toBe((1n << BigInt(KEYED.generationBits)) - 1n)
  })

  it('in the kinds of cells and the word that names them', () => {
    const kinds = /enum class Kind : int64_t \{([^}]+)\}/.exec(read('native/core/layout.h'))![1]!
    const native = Object.fromEntries(
      [...kinds.matchAll(/(k\w+) = (\d+)/g)].map(([, name, value]) => [lowerFirst(name!), Number(value)]),
    )
    expect(KIND).toEqual(native)
    expect(read('native/core/layout.h')).toContain(
      '(kLayoutVersion << 32) | (int64_t{0x414D} << 16) | static_cast<int64_t>(kind)',
    )
    expect(kindWord(KIND.tokenBucket)).toBe((layout.get('kLayoutVersion')! << 32n) | (0x414dn << 16n) | 1n)
  })
})

describe('TypeScript has the constants of native/core', () => {
  it('of rate.h', () => {
    const text = read('native/core/rate.h')
    const constant = (name: string): string => new RegExp(`${name} = ([^;]+);`).exec(text)![1]!
    expect([constant('kMaxRate'), constant('kMaxBurst')].map(Number)).toEqual([MAX_RATE, MAX_BURST])
  })

  it('of the headers of a circuit breaker', () => {
    const text = read('native/core/circuit_breaker.h') + read('native/core/breaker_control.h')
    const names = (of: string): string[] =>
      [...new RegExp(`enum class ${of}[^{]*\\{([^}]+)\\}`).exec(text)![1]!.matchAll(/k\w+/g)].map(([name]) =>
        lowerFirst(name),
      )
    expect(Object.keys(BREAKER_STATE)).toEqual(names('BreakerState'))
    expect(Object.values(BREAKER_STATE)).toEqual([0, 1, 2, 3])
    expect(Object.keys(CALL_RESULT)).toEqual(names('CallResult'))
    expect(Object.values(CALL_RESULT)).toEqual([0, 1, 2])
    expect(Object.keys(UPDATE_RESULT)).toEqual(names('UpdateResult'))
    expect(Object.values(UPDATE_RESULT)).toEqual([0, 1, 2])
    expect(Number(/kMaxMs = ([^;]+);/.exec(read('native/core/breaker_parameters.h'))![1])).toBe(MAX_BREAKER_MS)
    expect(Number(/kMaxCount = ([^;]+);/.exec(read('native/core/breaker_parameters.h'))![1])).toBe(MAX_BREAKER_COUNT)
  })

  it('of semaphore.h', () => {
    const names = /enum class Admission \{([^}]+)\}/.exec(read('native/core/semaphore.h'))![1]!
    expect(ADMISSION).toEqual(
      Object.fromEntries([...names.matchAll(/k\w+/g)].map(([name], index) => [lowerFirst(name), index])),
    )
  })

  it('of bucket_changes.h', () => {
    const outcomes = /enum class Outcome \{([^}]+)\}/.exec(read('native/core/bucket_changes.h'))![1]!
    const native = [...outcomes.matchAll(/k\w+/g)].map(([name], index) => [lowerFirst(name), index])
    expect(OUTCOME).toEqual(Object.fromEntries(native))
  })
})
