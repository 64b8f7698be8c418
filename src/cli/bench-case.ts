import type { AsyncCall, SyncCall } from './measuring-loop.js'

/** Imports a package from the place where it is to be measured. */
export type Importer = (specifier: string) => Promise<unknown>

/**
 * Which road through a limiter a case takes: a synchronous answer that is always yes or always no, or a promise that
 * always resolves at once or always rejects at once.
 */
export type BenchPath = 'allowed' | 'denied' | 'await' | 'await-denied'

interface CaseBase {
  /** Unique, and stable across versions. */
  readonly id: string
  /** What is measured, as a reader knows it. */
  readonly subject: string
  /** The call that is timed, as source. */
  readonly call: string
  /** The package it comes from; null for this package and for the language itself. */
  readonly package: string | null
  readonly role: 'ours' | 'rival' | 'floor'
  /** Environment of the case's process. */
  readonly env?: Readonly<Record<string, string>>
}

/** A case measured with {@link syncLoop}. */
export interface SyncCase extends CaseBase {
  readonly path: 'allowed' | 'denied'
  /** Prepares a limiter and returns the call. */
  make(importer: Importer): Promise<SyncCall>
}

/** A case measured with {@link asyncLoop}. */
export interface AsyncCase extends CaseBase {
  readonly path: 'await' | 'await-denied'
  make(importer: Importer): Promise<AsyncCall>
}

/** One thing to measure, in a process of its own. */
export type BenchCase = SyncCase | AsyncCase

/** Whether `benchCase` is measured with the asynchronous loop. */
export function isAsyncCase(benchCase: BenchCase): benchCase is AsyncCase {
  return benchCase.path === 'await' || benchCase.path === 'await-denied'
}

/** Whether every call of this path must be allowed (else every one must be refused). */
export function expectsAllowed(path: BenchPath): boolean {
  return path === 'allowed' || path === 'await'
}

/** A rate no loop can exhaust: a thousand million a second, with as many in store. */
export const PLENTY = 1_000_000_000

/** A rate that gives nothing within a measurement: one call in this many seconds. */
export const SCARCE_SECONDS = 1000
