import { describe } from '../../internal/options/validate.js'
import { doubleToBits } from '../shared/rate.js'

/**
 * What tells one bucket of a keyed table from another: a string of at most 65,536 characters, a number other than NaN, or a bigint of at
 * most 8,192 bits. Keys of different types are different keys: '1', 1 and 1n. Longer ones are refused with a `RangeError`; where callers
 * choose the keys, hash or cut what may be long.
 */
export type Key = string | number | bigint

/** 128 random bits. */
export interface HashSeed {
  readonly low: bigint
  readonly high: bigint
}

/** Longer keys are refused; native/binding/keys.h has the same limits. */
const MAX_KEY_UNITS = 65_536
const MAX_KEY_BITS = 8192

const MASK = (1n << 64n) - 1n
/** What a key is, in the seventh byte of the last block; see native/core/siphash.h. */
const TYPE = { string: 0n, number: 1n, bigint: 2n, negative: 3n } as const

const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & MASK

/** SipHash-1-3 as native/core/siphash.h computes it. */
class SipHash13 {
  #v0: bigint
  #v1: bigint
  #v2: bigint
  #v3: bigint

  constructor({ low, high }: HashSeed) {
    this.#v0 = low ^ 0x736f_6d65_7073_6575n
    this.#v1 = high ^ 0x646f_7261_6e64_6f6dn
    this.#v2 = low ^ 0x6c79_6765_6e65_7261n
    this.#v3 = high ^ 0x7465_6462_7974_6573n
  }

  add(block: bigint): void {
    this.#v3 ^= block
    this.#round()
    this.#v0 ^= block
  }

  finish(): bigint {
    this.#v2 ^= 0xffn
    this.#round()
    this.#round()
    this.#round()
    return this.#v0 ^ this.#v1 ^ this.#v2 ^ this.#v3
  }

  #round(): void {
    let [v0, v1, v2, v3] = [this.#v0, this.#v1, this.#v2, this.#v3]
    v0 = (v0 + v1) & MASK
    v1 = rotate(v1, 13n) ^ v0
    v0 = rotate(v0, 32n)
    v2 = (v2 + v3) & MASK
    v3 = rotate(v3, 16n) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = rotate(v3, 21n) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = rotate(v1, 17n) ^ v2
    v2 = rotate(v2, 32n)
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = v2
    this.#v3 = v3
  }
}

function hashOfBlocks(seed: HashSeed, blocks: readonly bigint[], rest: bigint, type: bigint, bytes: number): bigint {
  const hash = new SipHash13(seed)
  for (const block of blocks) hash.add(block)
  hash.add(rest | (type << 48n) | (BigInt(bytes & 0xff) << 56n))
  return hash.finish()
}

function hashOfString(seed: HashSeed, key: string): bigint {
  const blocks: bigint[] = []
  let block = 0n
  for (let index = 0; index < key.length; index++) {
    block |= BigInt(key.charCodeAt(index)) << BigInt((index % 4) * 16)
    if (index % 4 !== 3) continue
    blocks.push(block)
    block = 0n
  }
  return hashOfBlocks(seed, blocks, block, TYPE.string, key.length * 2)
}

function hashOfBigInt(seed: HashSeed, key: bigint): bigint {
  const blocks: bigint[] = []
  for (let rest = key < 0n ? -key : key; rest > 0n; rest >>= 64n) blocks.push(rest & MASK)
  return hashOfBlocks(seed, blocks, 0n, key < 0n ? TYPE.negative : TYPE.bigint, blocks.length * 8)
}

/** The hash of a key, the same in the addon; null when `key` is none. */
export function hashOfKey(seed: HashSeed, key: unknown): bigint | null {
  if (!isKey(key)) return null
  if (typeof key === 'string') return hashOfString(seed, key)
  if (typeof key === 'bigint') return hashOfBigInt(seed, key)
  return hashOfBlocks(seed, [BigInt.asUintN(64, doubleToBits(key === 0 ? 0 : key))], 0n, TYPE.number, 8)
}

/** Whether `key` can be one. */
export function isKey(key: unknown): key is Key {
  if (typeof key === 'string') return key.length <= MAX_KEY_UNITS
  if (typeof key === 'bigint') return BigInt.asIntN(MAX_KEY_BITS + 1, key) === key
  return typeof key === 'number' && !Number.isNaN(key)
}

/** Returns `key` if it is one. @throws {TypeError} when it is no string, number or bigint, {RangeError} when it is NaN or too long */
export function checkKey(name: string, key: unknown): Key {
  if (isKey(key)) return key
  if (typeof key === 'number')
    throw new RangeError(`${name} must be a string, a number other than NaN, or a bigint; received NaN (number)`)
  if (typeof key === 'string')
    throw new RangeError(`${name} must be at most ${MAX_KEY_UNITS} characters long; received ${key.length}`)
  if (typeof key === 'bigint')
    throw new RangeError(`${name} must have at most ${MAX_KEY_BITS} bits; received a larger bigint`)
  throw new TypeError(`${name} must be a string, number or bigint; received ${describe(key)}`)
}
