import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { type Block, root } from './blocks.js'

/** Where the things stand that examples take for granted: a reader's own functions, a service to call, … */
export const GIVEN = join(root, 'test/docs/given')

const ENTRIES = ['amorsize', 'amorsize/limiter', 'amorsize/system', 'amorsize/http', 'amorsize/metrics', 'amorsize/redis', 'amorsize/bullmq', 'amorsize/testing']

/** Files of {@link GIVEN} that only examples in docstrings get: there an import line would be longer than the example. */
const FOR_DOCSTRINGS = ['node', 'packages']

/** What is there without an import, by name: the module that has it. */
export interface Surroundings {
  readonly ofPages: ReadonlyMap<string, string>
  readonly ofDocstrings: ReadonlyMap<string, string>
}

/** Finds what examples may use without an import. */
export async function findSurroundings(): Promise<Surroundings> {
  const ofPages = new Map<string, string>()
  const more = new Map<string, string>()
  for (const file of readdirSync(GIVEN)) {
    const name = file.replace('.ts', '')
    const names = FOR_DOCSTRINGS.includes(name) ? more : ofPages
    for (const exported of exportsOf(readFileSync(join(GIVEN, file), 'utf8'))) names.set(exported, `given/${name}`)
  }
  for (const entry of ENTRIES)
    for (const exported of Object.keys((await import(entry)) as object)) if (!more.has(exported)) more.set(exported, entry)
  return { ofPages, ofDocstrings: new Map([...more, ...ofPages]) }
}

function exportsOf(text: string): string[] {
  const declared = text.matchAll(/^export (?:declare )?(?:async )?(?:const|function|class|interface|type) (\w+)/gm)
  const listed = text.matchAll(/^export (?:type )?\{ ([^}]+) \}/gm)
  return [
    ...[...declared].map((match) => match[1]!),
    ...[...listed].flatMap((match) => match[1]!.split(',').map((one) => one.split(' as ').at(-1)!.trim())),
  ]
}

/**
 * The module that an example is: what it takes for granted, and then its code as it is printed.
 *
 * @param folder - where the modules of {@link GIVEN} are, as the module would import them
 * @param extension - of these modules
 */
export function moduleOf(block: Block, surroundings: Surroundings, folder: string, extension: string): string {
  const given = block.page.startsWith('src/') ? surroundings.ofDocstrings : surroundings.ofPages
  const { used, declared } = namesIn(block.code)
  const imports = new Map<string, string[]>()
  for (const name of used) {
    const from = given.get(name)
    if (from === undefined || declared.has(name)) continue
    const url = from.startsWith('given/') ? `${folder}/${from.slice('given/'.length)}${extension}` : from
    imports.set(url, [...(imports.get(url) ?? []), name])
  }
  const lines = [...imports].map(([url, names]) => `import { ${names.join(', ')} } from '${url}'`)
  return [`import '${folder}/offline${extension}'`, ...lines].join('; ') + `\n${block.code}\nexport {}\n`
}

/** What a module uses and what it declares at its top. */
function namesIn(code: string): { readonly used: ReadonlySet<string>; readonly declared: ReadonlySet<string> } {
  const source = ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest, true)
  const used = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isPropertyName(node)) used.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  const declared = new Set<string>()
  const bind = (name: ts.Node): void => {
    if (ts.isIdentifier(name)) declared.add(name.text)
    else ts.forEachChild(name, (child) => ts.isBindingElement(child) && bind(child.name))
  }
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) for (const { name } of statement.declarationList.declarations) bind(name)
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isInterfaceDeclaration(statement))
      if (statement.name !== undefined) bind(statement.name)
    if (ts.isImportDeclaration(statement)) {
      const { importClause } = statement
      if (importClause?.name !== undefined) bind(importClause.name)
      const named = importClause?.namedBindings
      if (named !== undefined && ts.isNamedImports(named)) for (const { name } of named.elements) bind(name)
      if (named !== undefined && ts.isNamespaceImport(named)) bind(named.name)
    }
  }
  return { used, declared }
}

function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  return (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent)) && parent.name === node
}

/** What Node can run of a module in TypeScript. */
export function toJavaScript(code: string): string {
  return ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, isolatedModules: true },
  }).outputText
}
