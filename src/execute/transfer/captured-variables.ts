import { isBuiltin } from 'node:module'
import type { AroundFunction } from './around-function.js'
import { isGlobal, OF_FUNCTIONS } from './globals.js'
import { IMPORTS, isHelper, nodeNameOf } from './helpers.js'
import {
  childrenOf,
  counterOf,
  isNode,
  literalOf,
  type Node,
  parse,
  partsOf,
  propertyOf,
  writtenBy,
} from './syntax-tree.js'

/** Facts in the source of a function about sending it to another thread. */
export interface FunctionAnalysis {
  /** Names that the function uses and does not define, and that no thread has by itself; sorted. */
  readonly captured: readonly string[]
  /** Names that it uses and that {@link helperOf} has something for. */
  readonly helpers: readonly string[]
  /** Source of an expression that makes the function. */
  readonly expression: string
  /** Whether it is strict code, or behaves the same as strict code. */
  readonly isStrict: boolean
}

/**
 * Finds what the function with this source captures.
 *
 * @param source - as `Function.prototype.toString` gives it
 * @param around - what that does not show
 */
export function analyseFunction(source: string, { shadowed, isSloppy }: AroundFunction = NOTHING): FunctionAnalysis {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) return refused('[native code]')
  const method = `(o => o[Reflect.ownKeys(o)[0]])({${source}})`
  for (const expression of [`(${source})`, method]) {
    for (const sourceType of ['module', 'script'] as const) {
      const tree = parse(expression, sourceType)
      if (tree === undefined) continue
      const parts = partsOf(tree, expression === method)
      if (parts.some(({ type }) => type === 'ClassExpression')) return refused('class')
      if (parts.some(({ type }) => type === 'Property')) return refused('[an accessor]')
      const captured = new Set<string>()
      const helpers = new Set<string>()
      const written = new Set(parts.flatMap(writtenBy))
      const scope = new Scope(undefined, { captured, helpers, written, shadowed })
      for (const part of parts) scope.visit(part)
      const isStrict = sourceType === 'module' && !isSloppy
      return { captured: [...captured].sort(), helpers: [...helpers], expression, isStrict }
    }
  }
  // Private names, `super` of a class and the like have no meaning outside of where they stand.
  return refused('[a name of its class]')
}

const NOTHING: AroundFunction = { shadowed: [], isSloppy: false }

function refused(captured: string): FunctionAnalysis {
  return { captured: [captured], helpers: [], expression: '', isStrict: true }
}

/** Where the patterns are that are in a pattern. */
const PARTS_OF_PATTERNS: Readonly<Record<string, string>> = {
  AssignmentPattern: 'left',
  RestElement: 'argument',
  ArrayPattern: 'elements',
  ObjectPattern: 'properties',
  Property: 'value',
}

/** Names that a function uses and does not define. */
interface FreeNames {
  readonly captured: Set<string>
  readonly helpers: Set<string>
  /** Properties that the function sets, as `name.property`. */
  readonly written: ReadonlySet<string>
  /** Names of globals that are variables around the function. */
  readonly shadowed: readonly string[]
}

/** Names defined in one function or block, and what is used and defined in none of the surrounding ones. */
class Scope {
  readonly #names = new Set<string>()
  readonly #outer: Scope | undefined
  readonly #free: FreeNames
  /** Whether `this` and `super` have a meaning of their own here; `arguments` has wherever there is a function. */
  #hasThis: boolean

  constructor(outer: Scope | undefined, free: FreeNames) {
    this.#outer = outer
    this.#free = free
    this.#hasThis = outer !== undefined && outer.#hasThis
  }

  #use(name: string): void {
    const { captured, helpers, shadowed } = this.#free
    if (name === 'eval') captured.add(name)
    if (this.#defines(name) || (isGlobal(name) && !shadowed.includes(name))) return
    if (isHelper(name)) helpers.add(name)
    else captured.add(name)
  }

  #defines(name: string): boolean {
    return this.#definerOf(name) !== undefined
  }

  #definerOf(name: string): Scope | undefined {
    if (this.#names.has(name)) return this
    return this.#outer === undefined ? undefined : this.#outer.#definerOf(name)
  }

  #inner(): Scope {
    return new Scope(this, this.#free)
  }

  visit(node: Node): void {
    switch (node.type) {
      case 'Identifier':
        this.#use(node['name'] as string)
        return
      case 'ThisExpression':
      case 'Super':
        if (!this.#hasThis) this.#free.captured.add(node.type === 'Super' ? 'super' : 'this')
        return
      case 'MetaProperty':
        if ((node['meta'] as Node)['name'] === 'import') this.#free.captured.add('import.meta')
        return
      case 'ImportExpression':
        this.#visitImport(node)
        return
      case 'CallExpression':
        this.#visitCall(node)
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
        this.#visitMember(node)
        return
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

  /** Other modules are found from where the function stands, unless they are Node's own or their name is absolute. */
  #visitImport(node: Node): void {
    if (!isFoundAnywhere(node['source'])) this.#free.captured.add('import()')
    this.#visitChildren(node)
  }

  /** Of what compilers make of `import()`, the name is a helper where what it loads is the same in every thread. */
  #visitCall(node: Node): void {
    const callee = node['callee'] as Node
    const given = node['arguments'] as Node[]
    const name = callee.type === 'Identifier' ? (callee['name'] as string) : ''
    if (!IMPORTS.has(name) || this.#defines(name)) {
      this.#visitChildren(node)
      return
    }
    if (name === 'require' ? isBuiltinName(given[0]) : isFoundAnywhere(given[0])) this.#free.helpers.add(name)
    else this.#free.captured.add(name === 'require' ? name : 'import()')
    for (const argument of given) this.visit(argument)
  }

  #visitMember(node: Node): void {
    const counter = counterOf(node)
    if (counter !== undefined && !this.#defines(counter)) {
      this.#free.helpers.add(counter)
      return
    }
    const read = propertyOf(node)
    if (read !== undefined && this.#isFromOutside(read)) this.#free.captured.add(read.join('.'))
    this.#visitNamed(node)
  }

  /** Whether other code has given the function a property. A property of the global object may be there in every thread: `--import` runs in each. */
  #isFromOutside([object, property]: readonly [string, string]): boolean {
    const definer = this.#definerOf(object)
    const isOwn = definer !== undefined && definer.#outer === undefined
    return isOwn && !OF_FUNCTIONS.has(property) && !this.#free.written.has(`${object}.${property}`)
  }

  /** A name behind a dot, or of a property, is no variable. */
  #visitNamed(node: Node): void {
    const [name, other] = node.type === 'MemberExpression' ? ['property', 'object'] : ['key', 'value']
    if (node['computed'] === true) this.visit(node[name] as Node)
    if (isNode(node[other])) this.visit(node[other])
  }

  #visitFunction(node: Node): void {
    const scope = this.#inner()
    const isArrow = node.type === 'ArrowFunctionExpression'
    if (!isArrow) {
      scope.#names.add('arguments')
      // The task itself is called without `this`; what it makes of that here, it could not in a thread.
      scope.#hasThis = this.#outer !== undefined
    }
    // The task's own name is all that is defined outside of it.
    if (isNode(node['id'])) (this.#outer === undefined ? this : scope).#declarePattern(node['id'])
    for (const parameter of node['params'] as Node[]) scope.#declarePattern(parameter)
    // Defaults do not see what the body defines.
    for (const parameter of node['params'] as Node[]) scope.visit(parameter)
    scope.#declareVars(node['body'] as Node)
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
    if (node.type === 'Identifier') this.#names.add(node['name'] as string)
    const where = PARTS_OF_PATTERNS[node.type]
    if (where === undefined) return
    for (const part of [node[where]].flat()) if (isNode(part)) this.#declarePattern(part)
  }

  /** `var`, wherever it stands in a function, defines a name for all of it. */
  #declareVars(node: Node): void {
    if (/Function|Class/.test(node.type)) return
    if (node.type === 'VariableDeclaration' && node['kind'] === 'var') this.#declareAll(node)
    for (const child of childrenOf(node)) this.#declareVars(child)
  }

  /** The variables that a block, a loop's head or a `catch` defines for itself. */
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

const isBuiltinName = (node: unknown): boolean => isBuiltin(nodeNameOf(literalOf(node) ?? ''))
const isFoundAnywhere = (node: unknown): boolean =>
  isBuiltinName(node) || /^(node|file|data):/.test(nodeNameOf(literalOf(node) ?? ''))
