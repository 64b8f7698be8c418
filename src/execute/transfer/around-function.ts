import type { Runtime, Session } from 'node:inspector'
import { builtins } from '../../internal/builtins.js'

/** Facts about a function that its text does not show. */
export interface AroundFunction {
  /** Names of globals that are variables of the program where the function stands, such as `crypto` after `import crypto from 'node:crypto'`. */
  readonly shadowed: readonly string[]
  /** Whether it is known not to be strict code. */
  readonly isSloppy: boolean
}

/**
 * Only functions written with `function` show whether they are strict: others of a module that is not strict are assumed to be. Reading the
 * `caller` of a strict one throws. (Until V8 14.6, of Node 26, one that is not strict has the property itself.)
 */
export function isSloppy(fn: object): boolean {
  try {
    return (fn as { caller?: unknown }).caller !== undefined
  } catch {
    return false
  }
}

/**
 * Finds the names of globals that are variables around a function. It asks the engine, as a debugger would: nothing else can tell. No debugger
 * is enabled, and nothing is opened to others.
 */
export function shadowedBy(fn: object): string[] {
  let session: Session | undefined
  try {
    session = new builtins.inspector.Session()
    session.connect()
    return askAbout(fn, session)
  } catch {
    // An engine without an inspector, or a program that may not use it (`--permission`): a name of a global is taken to be that.
    return []
  } finally {
    session?.disconnect()
  }
}

/** The engine finds what it is asked about at this key of Node's own module: every realm has the same, also where the global object is frozen. */
const KEY = 'amorsize:asked-about'

function askAbout(fn: object, session: Session): string[] {
  const shared = builtins.inspector as unknown as Record<string, unknown>
  shared[KEY] = { fn, globals: globalThis }
  try {
    const [question, subject] = ['', '.fn'].map((part) => {
      const expression = `process.getBuiltinModule('node:inspector')['${KEY}']${part}`
      return answerOf<Runtime.EvaluateReturnType>((answered) =>
        session.post('Runtime.evaluate', { expression }, answered),
      ).result.objectId
    })
    const propertiesOf = (objectId: string | undefined): Runtime.GetPropertiesReturnType =>
      objectId === undefined
        ? { result: [] }
        : answerOf((answered) => session.post('Runtime.getProperties', { objectId, ownProperties: true }, answered))
    const around = propertiesOf(subject).internalProperties?.find(({ name }) => name === '[[Scopes]]')
    return propertiesOf(around?.value?.objectId).result.flatMap(({ value: scope }) => {
      if (scope?.objectId === undefined || scope.description === 'Global') return []
      const call = {
        objectId: scope.objectId,
        functionDeclaration: SHADOWED_IN_THIS,
        arguments: [{ objectId: question as string }],
        returnByValue: true,
      }
      const answer = answerOf<Runtime.CallFunctionOnReturnType>((answered) =>
        session.post('Runtime.callFunctionOn', call, answered),
      )
      return answer.result.value as string[]
    })
  } finally {
    Reflect.deleteProperty(shared, KEY)
  }
}

/** Runs with a scope as `this`: its variables are not listed one by one, since a bundle may have thousands. */
const SHADOWED_IN_THIS = `function ({ globals }) {
  const variables = this.object
  return Object.getOwnPropertyNames(globals).filter(
    (name) => Object.hasOwn(variables, name) && variables[name] !== globals[name],
  )
}`

/** The answers of the engine of one's own thread come at once. */
function answerOf<T>(ask: (answered: (error: Error | null, answer: T) => void) => void): T {
  let outcome: { readonly error: Error | null; readonly answer: T } | undefined
  ask((error, answer) => (outcome = { error, answer }))
  if (outcome === undefined || outcome.error !== null) throw outcome?.error ?? new Error('the engine does not answer')
  return outcome.answer
}
