import { type Node as AcornNode, type Options, parse as parseCode } from 'acorn'
import { isCounter } from './helpers.js'

/** A part of a program as acorn gives it. */
export type Node = AcornNode & Record<string, unknown>

/** The tree of a program; undefined where it is none. */
export function parse(code: string, sourceType: 'module' | 'script'): Node | undefined {
  try {
    const options: Options = { ecmaVersion: 'latest', sourceType, allowSuperOutsideMethod: true, allowReserved: true }
    return parseCode(code, options) as unknown as Node
  } catch {
    return undefined
  }
}

/** The function, and for a method its computed name, which may capture something too. A getter or setter is a part as it stands. */
export function partsOf(tree: Node, isMethod: boolean): Node[] {
  const [statement] = tree['body'] as Node[]
  const expression = statement?.['expression'] as Node
  if (!isMethod) return [expression]
  const [{ properties }] = expression['arguments'] as [{ properties: Node[] }]
  return properties.flatMap((one) => [
    ...(one['computed'] === true ? [one['key'] as Node] : []),
    one['kind'] === 'init' ? (one['value'] as Node) : one,
  ])
}

/** The name of a module as a literal; undefined where it is none. */
export function literalOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined
}

/** The name of Istanbul's counters in `cov_1thca1c2ni().s`; undefined where it is something else. */
export function counterOf(node: Node): string | undefined {
  const [object, property] = [node['object'] as Node, node['property'] as Node]
  const called = object.type === 'CallExpression' && (object['arguments'] as Node[]).length === 0
  const { type, name } = called ? (object['callee'] as Node) : object
  const isOne = type === 'Identifier' && isCounter(name as string)
  return isOne && node['computed'] !== true && /^[bfs]$/.test(String(property['name'])) ? (name as string) : undefined
}

/** Whose property a node reads or writes, and which: `['price', 'table']`; undefined where either has no fixed name. */
export function propertyOf(node: Node): readonly [string, string] | undefined {
  const { type, object, property, computed } = node as unknown as Record<'object' | 'property', Node> & Node
  if (type !== 'MemberExpression' || object.type !== 'Identifier') return undefined
  const name = computed === true ? literalOf(property) : (property['name'] as string)
  return name === undefined ? undefined : [object['name'] as string, name]
}

/** All properties that a part of a program assigns, as `name.property`. */
export function writtenBy(node: Node): string[] {
  const written = node.type === 'AssignmentExpression' ? propertyOf(node['left'] as Node) : undefined
  return [...(written === undefined ? [] : [written.join('.')]), ...childrenOf(node).flatMap(writtenBy)]
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

export function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  )
}
