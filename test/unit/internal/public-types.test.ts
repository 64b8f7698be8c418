import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  name: string
  exports: Record<string, { import: { types: string }; require: { types: string } } | { default: string } | string>
}
const entries = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === 'string' || !('import' in target)
    ? []
    : [
        {
          name: path.replace('.', manifest.name),
          types: pathOf(target.import.types),
          forRequire: target.require.types,
        },
      ],
)

function pathOf(inPackage: string): string {
  return fileURLToPath(new URL(`../../../${inPackage}`, import.meta.url))
}

const program = ts.createProgram(
  entries.flatMap(({ types, forRequire }) => [types, pathOf(forRequire)]),
  { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: ['node'] },
)
const checker = program.getTypeChecker()

function exportsOf(file: string): ts.Symbol[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile)
  return checker.getExportsOfModule(module as ts.Symbol)
}

const resolved = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

function isHidden(node: ts.Node): boolean {
  const flags = ts.canHaveModifiers(node) ? ts.getCombinedModifierFlags(node as ts.Declaration) : 0
  return (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0
}

/** The types of the package's own that the declarations of `symbols` name, and what those name in turn. */
function named(symbols: readonly ts.Symbol[]): Set<ts.Symbol> {
  const found = new Set<ts.Symbol>()
  const visit = (node: ts.Node): void => {
    if (isHidden(node)) return
    // A class may have a base that is not for users: what it inherits is looked at, the base itself need not have a name.
    if (ts.isHeritageClause(node) && ts.isClassDeclaration(node.parent)) {
      for (const { expression } of node.types) {
        const base = checker.getSymbolAtLocation(expression)
        if (base !== undefined) for (const declaration of resolved(base).declarations ?? []) own(declaration)
      }
      for (const { typeArguments } of node.types) typeArguments?.forEach(visit)
      return
    }
    if (ts.isTypeReferenceNode(node) || ts.isTypeQueryNode(node)) {
      const symbol = checker.getSymbolAtLocation(ts.isTypeReferenceNode(node) ? node.typeName : node.exprName)
      if (symbol !== undefined) add(resolved(symbol))
    }
    ts.forEachChild(node, visit)
  }
  const own = (declaration: ts.Declaration): void => {
    if (declaration.getSourceFile().fileName.includes('/dist/types/')) ts.forEachChild(declaration, visit)
  }
  const add = (symbol: ts.Symbol): void => {
    if (found.has(symbol) || symbol.flags & ts.SymbolFlags.TypeParameter) return
    const declarations = symbol.declarations ?? []
    if (!declarations.some((each) => each.getSourceFile().fileName.includes('/dist/types/'))) return
    found.add(symbol)
    declarations.forEach(own)
  }
  symbols.forEach((symbol) => add(resolved(symbol)))
  return found
}

describe.each(entries)('the declarations of $name', ({ name, types, forRequire }) => {
  test('declare as values what is there at run time, and nothing else', async () => {
    const isType = (symbol: ts.Symbol) => symbol.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration) === true
    const values = exportsOf(types).filter((symbol) => resolved(symbol).flags & ts.SymbolFlags.Value && !isType(symbol))
    const module = (await import(name)) as object
    expect(values.map((symbol) => symbol.name).sort()).toEqual(Object.keys(module).sort())
  })

  test('are the same for import and for require', () => {
    const namesIn = (file: string): string[] => exportsOf(file).map((symbol) => symbol.name)
    expect(namesIn(pathOf(forRequire)).sort()).toEqual(namesIn(types).sort())
  })

  test('export every type that they name', () => {
    const exported = new Set(entries.flatMap((entry) => exportsOf(entry.types)).map(resolved))
    const missing = [...named(exportsOf(types))].filter((symbol) => !exported.has(symbol))
    expect(missing.map((symbol) => symbol.name)).toEqual([])
  })
})
