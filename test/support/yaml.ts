import { parsers } from 'prettier/plugins/yaml'

/** What a YAML file says, as JSON would. All that is not nested is text. */
export type Yaml = string | null | Yaml[] | { [key: string]: Yaml }

interface Node {
  readonly type: string
  readonly value?: string
  readonly children?: readonly (Node | null)[]
}

/** Reads YAML by the parser that lays the files out. @throws {Error} on what is no YAML, or of a kind that is not read here */
export function readYaml(text: string): Yaml {
  const root = parsers.yaml.parse(text, {} as never) as Node
  const [document] = childrenOf(root)
  return valueOf(childrenOf(document).find(({ type }) => type === 'documentBody'))
}

const childrenOf = (node: Node | undefined): Node[] => (node?.children ?? []).filter((child) => child !== null)

function valueOf(node: Node | undefined): Yaml {
  if (node === undefined) return null
  switch (node.type) {
    case 'null':
      return null
    case 'plain':
    case 'quoteSingle':
    case 'quoteDouble':
    case 'blockLiteral':
    case 'blockFolded':
      return node.value ?? null
    case 'sequence':
    case 'flowSequence':
      return childrenOf(node).map((item) => valueOf(childrenOf(item)[0]))
    case 'mapping':
    case 'flowMapping':
      return Object.fromEntries(childrenOf(node).map(memberOf))
    case 'documentBody':
      return valueOf(childrenOf(node)[0])
    default:
      throw new Error(`a ${node.type} of YAML is not read here`)
  }
}

function memberOf({ children = [] }: Node): [string, Yaml] {
  const [key, value] = children.map((part) => valueOf(childrenOf(part ?? undefined)[0]))
  if (typeof key !== 'string') throw new Error('a key of YAML that is no text is not read here')
  return [key, value ?? null]
}
