import { runInNewContext } from 'node:vm'
import { lazy } from '../../internal/lazy.js'

/** Globals that Node defines in every thread, beside those of ECMAScript. */
const NODE_GLOBALS =
  'AbortController AbortSignal Blob BroadcastChannel Buffer ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CryptoKey ' +
  'CustomEvent DOMException DecompressionStream Event EventTarget File FormData Headers MessageChannel MessageEvent MessagePort Performance ' +
  'ReadableStream Request Response SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream URL URLSearchParams ' +
  'WebSocket WritableStream atob btoa clearImmediate clearInterval clearTimeout console crypto fetch global performance process queueMicrotask ' +
  'setImmediate setInterval setTimeout structuredClone'

/** The globals of ECMAScript that most functions use. A list of all takes a new context, which is slow to make. */
const COMMON_GLOBALS =
  'Array ArrayBuffer BigInt Boolean Date Error Float64Array Infinity Int32Array JSON Map Math NaN Number Object Promise RangeError RegExp Set String Symbol ' +
  'TypeError Uint8Array globalThis isFinite isNaN parseFloat parseInt undefined'

const common: ReadonlySet<string> = new Set([...COMMON_GLOBALS.split(' '), ...NODE_GLOBALS.split(' ')])
const standard = lazy(() => new Set(runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[]))

/** Whether a name means the same in every thread. One that this program has added to its own global object does not. */
export function isGlobal(name: string): boolean {
  return common.has(name) || standard().has(name)
}

/** Properties that every function has in every thread. */
export const OF_FUNCTIONS: ReadonlySet<string | symbol> = new Set(
  Reflect.ownKeys(Function.prototype).concat('prototype'),
)
