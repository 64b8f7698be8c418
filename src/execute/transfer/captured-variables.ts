import { type Node as AcornNode, type Options, parse as parseCode } from 'acorn'
import { runInNewContext } from 'node:vm'
import { lazy } from '../../internal/lazy.js'

/** What the source of a function shows about sending it to another thread. */
export interface FunctionAnalysis {
  /** Names that the function uses and does not define, and that no thread has by itself; sorted. */
  readonly captured: readonly string[]
  /** Source of an expression that makes the function. */
  readonly expression: string
  /** Whether it is strict code, or behaves the same as strict code. */
  readonly isStrict: boolean
}

type Node = AcornNode & Record<string, unknown>

/** Globals that Node defines in every thread, beside those of ECMAScript. */
const NODE_GLOBALS =
  'AbortController AbortSignal Blob BroadcastChannel Buffer ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CryptoKey ' +
  'CustomEvent DOMException DecompressionStream Event EventTarget File FormData Headers MessageChannel MessageEvent MessagePort Performance ' +
  'ReadableStream Request Response SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream URL URLSearchParams ' +
  'WebSocket WritableStream atob btoa clearImmediate clearInterval clearTimeout console crypto fetch global performance process queueMicrotask ' +
  'setImmediate setInterval setTimeout structuredClone'

/** Helpers that compilers put into functions; the worker brings its own. */
const HELPERS = '__name'

/** The globals of ECMAScript that most functions use. A list of all takes a new context, which is slow to make. */
const COMMON_GLOBALS =
  'Array ArrayBuffer BigInt Boolean Date Error Float64Array Infinity Int32Array JSON Map Math NaN Number Object Promise RangeError RegExp Set String Symbol ' +
  'TypeError Uint8Array globalThis isFinite isNaN parseFloat parseInt undefined'

const common: ReadonlySet<string> = new Set([...COMMON_GLOBALS.split(' '), ...NODE_GLOBALS.split(' '), HELPERS])
const standard = lazy(() => new Set(runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[]))

/** Whether a name means the same in every thread. What this program has added to its own global object does not. */
function isGlobal(name: string): boolean {
  return common.has(name) || standard().has(name)
}

/**
 * Finds what the function with this source captures.
 *
 * @param source - as `Function.prototype.toString` gives it
 */
export function analyseFunction(source: string): FunctionAnalysis {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source))
    return { captured: ['[native code]'], expression: '', isStrict: true }
  const method = `(o => o[Reflect.ownKeys(o)[0]])({${source}})`
  for (const expression of [`(${source})`, method]) {
    for (const sourceType of ['module', 'script'] as const) {
      const tree = parse(expression, sourceType)
      if (tree === undefined) continue
      const parts = partsOf(tree, expression === method)
      if (parts.some(({ type }) => type === 'ClassExpression'))
        return { captured: ['class'], expression, isStrict: true }
      const captured = new Set<string>()
      const scope = new Scope(undefined, captured)
      for (const part of parts) scope.visit(part)
      return { captured: [...captured].sort(), expression, isStrict: sourceType === 'module' }
    }
  }
  // Private names, `super` of a class and the like have no meaning outside of where they stand.
  return { captured: ['[a name of its class]'], expression: '', isStrict: true }
}

function parse(code: string, sourceType: 'module' | 'script'): Node | undefined {
  try {
    const options: Options = { ecmaVersion: 'latest', sourceType, allowSuperOutsideMethod: true, allowReserved: true }
    return parseCode(code, options) as unknown as Node
  } catch {
    return undefined
  }
}

/** The function, and for a method its computed name, which may capture something too. */
function partsOf(tree: Node, isMethod: boolean): Node[] {
  const [statement] = tree['body'] as Node[]
  const expression = statement?.['expression'] as Node
  if (!isMethod) return [expression]
  const [{ properties }] = expression['arguments'] as [{ properties: Node[] }]
  return properties.flatMap((one) => [...(one['computed'] === true ? [one['key'] as Node] : []), one['value'] as Node])
}

/** Names defined in one function or block, and what is used and defined in none of the surrounding ones. */
class Scope {
  readonly #names = new Set<string>()
  readonly #outer: Scope | undefined
  readonly #captured: Set<string>
  /** Whether `this` and `super` have a meaning of their own here; `arguments` has wherever there is a function. */
  #hasThis = false

  constructor(outer: Scope | undefined, captured: Set<string>) {
    this.#outer = outer
    this.#captured = captured
  }

  #use(name: string): void {
    if (name === 'eval') this.#captured.add(name)
    if (!this.#defines(name) && !isGlobal(name)) this.#captured.add(name)
  }

  #useThis(name: 'this' | 'super'): void {
    if (!this.#knowsThis()) this.#captured.add(name)
  }

  #defines(name: string): boolean {
    return this.#names.has(name) || (this.#outer !== undefined && this.#outer.#defines(name))
  }

  #knowsThis(): boolean {
    return this.#hasThis || (this.#outer !== undefined && this.#outer.#knowsThis())
  }

  #inner(): Scope {
    return new Scope(this, this.#captured)
  }

  visit(node: Node): void {
    switch (node.type) {
      case 'Identifier':
        this.#use(node['name'] as string)
        return
      case 'ThisExpression':
        this.#useThis('this')
        return
      case 'Super':
        this.#useThis('super')
        return
      case 'MetaProperty':
        if ((node['meta'] as Node)['name'] === 'import') this.#captured.add('import.meta')
        return
      case 'ImportExpression':
        this.#visitImport(node)
        return
      case 'FunctionExpression':
      case 'FunctionDeclaration':
      case 'ArrowFunctionExpression':
        this.#visitFunction(node)
        return
      case 'ClassExpression':
      case 'ClassDeclaration':
        this.#visitClass(node)
        return
      case 'MemberExpression':
      case 'Property':
        this.#visitNamed(node)
        return
      case 'LabeledStatement':
        this.visit(node['body'] as Node)
        return
      case 'BreakStatement':
      case 'ContinueStatement':
        return
      case 'BlockStatement':
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
      case 'SwitchStatement':
      case 'CatchClause': {
        const scope = this.#inner()
        scope.#declareLexical(node)
        scope.#visitChildren(node)
        return
      }
      default:
        this.#visitChildren(node)
    }
  }

  #visitChildren(node: Node): void {
    for (const child of childrenOf(node)) this.visit(child)
  }

  /** Other modules are found from where the function stands, unless their name is absolute. */
  #visitImport(node: Node): void {
    const { type, value } = node['source'] as Node
    if (type !== 'Literal' || typeof value !== 'string' || !/^(node|file|data):/.test(value))
      this.#captured.add('import()')
    this.#visitChildren(node)
  }

  /** A name behind a dot, or of a property, is no variable. */
  #visitNamed(node: Node): void {
    const [name, other] = node.type === 'MemberExpression' ? ['property', 'object'] : ['key', 'value']
    if (node['computed'] === true) this.visit(node[name] as Node)
    const child = node[other]
    if (isNode(child)) {
      const scope = this.#inner()
      scope.#hasThis =
        (node['method'] === true || (node['kind'] !== undefined && node['kind'] !== 'init')) &&
        this.#outer !== undefined
      scope.visit(child)
    }
  }

  #visitFunction(node: Node): void {
    const scope = this.#inner()
    const isArrow = node.type === 'ArrowFunctionExpression'
    if (!isArrow) {
      scope.#names.add('arguments')
      // The task itself is called without `this`; what it makes of that here, it could not in a thread.
      scope.#hasThis = this.#outer !== undefined
    }
    if (isNode(node['id'])) scope.#declarePattern(node['id'])
    for (const parameter of node['params'] as Node[]) scope.#declarePattern(parameter)
    scope.#declareVars(node['body'] as Node)
    for (const parameter of node['params'] as Node[]) scope.visit(parameter)
    scope.visit(node['body'] as Node)
  }

  #visitClass(node: Node): void {
    const scope = this.#inner()
    if (isNode(node['id'])) scope.#declarePattern(node['id'])
    if (isNode(node['superClass'])) scope.visit(node['superClass'])
    for (const member of (node['body'] as Node)['body'] as Node[]) {
      if (member['computed'] === true) scope.visit(member['key'] as Node)
      const inner = scope.#inner()
      inner.#hasThis = true
      if (member.type === 'StaticBlock') {
        for (const statement of member['body'] as Node[]) inner.#declareVars(statement)
        inner.#declareLexical(member)
        inner.#visitChildren(member)
      } else if (isNode(member['value'])) {
        inner.visit(member['value'])
      }
    }
  }

  /** The names that a parameter, a variable or a caught error defines. */
  #declarePattern(node: Node): void {
    switch (node.type) {
      case 'Identifier':
        this.#names.add(node['name'] as string)
        return
      case 'AssignmentPattern':
        this.#declarePattern(node['left'] as Node)
        return
      case 'RestElement':
        this.#declarePattern(node['argument'] as Node)
        return
      case 'ArrayPattern':
        for (const element of node['elements'] as (Node | null)[]) if (element !== null) this.#declarePattern(element)
        return
      case 'ObjectPattern':
        for (const property of node['properties'] as Node[]) {
          this.#declarePattern((property.type === 'RestElement' ? property['argument'] : property['value']) as Node)
        }
        return
      default:
    }
  }

  /** `var`, wherever it stands in a function, defines a name for all of it. */
  #declareVars(node: Node): void {
    if (/Function|Class/.test(node.type)) return
    if (node.type === 'VariableDeclaration' && node['kind'] === 'var') this.#declareAll(node)
    for (const child of childrenOf(node)) this.#declareVars(child)
  }

  /** What a block, a loop's head or a `catch` defines for itself. */
  #declareLexical(node: Node): void {
    if (node.type === 'CatchClause' && isNode(node['param'])) this.#declarePattern(node['param'])
    const cases = (node['cases'] as Node[] | undefined)?.flatMap((one) => one['consequent'] as Node[])
    const statements = [
      node['init'],
      node['left'],
      ...(cases ?? (Array.isArray(node['body']) ? (node['body'] as Node[]) : [])),
    ]
    for (const statement of statements) {
      if (!isNode(statement)) continue
      if (statement.type === 'VariableDeclaration') this.#declareAll(statement)
      else if (/^(Function|Class)Declaration$/.test(statement.type) && isNode(statement['id']))
        this.#declarePattern(statement['id'])
    }
  }

  #declareAll(declaration: Node): void {
    for (const { id } of declaration['declarations'] as { id: Node }[]) this.#declarePattern(id)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  )
}
