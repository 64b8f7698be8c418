import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'
import { describe, expect, it } from 'vitest'
import { noModuleState } from '../../../scripts/eslint/no-module-state.mjs'

const config = {
  files: ['**/*.ts'],
  languageOptions: { parser: tseslint.parser },
  plugins: { house: { rules: { 'no-module-state': noModuleState } } },
  rules: { 'house/no-module-state': 'error' },
} as unknown as Linter.Config

/** What the rule says of a module. */
const found = (code: string): string[] =>
  new Linter().verify(code, config, 'module.ts').map(({ message }) => /^'(\S+)'/.exec(message)?.[1] ?? message)

describe('state of a module', () => {
  it.each([
    ['a variable', 'let count = 0'],
    ['an exported one', 'export let count = 0'],
    ['a map that is filled', 'const count = new Map(); export const add = (key) => count.set(key, 1)'],
    ['a list that grows', 'const count: string[] = []; count.push("a")'],
    ['an object that is written', 'const count = { n: 0 }; export function add() { count.n = 1 }'],
    ['one that is counted up', 'const count = { n: 0 }; export function add() { count.n++ }'],
    ['one that loses something', 'const count = {}; export function drop() { delete count.n }'],
    ['a static field', 'class A { static count = 0 }'],
  ])('is %s', (_, code) => {
    expect(found(code)).toEqual(['count'])
  })

  it.each([
    ['a constant', 'const limit = 5; export const table = { a: 1 }; export const of = (key) => table[key]'],
    ['a set that is only read', 'const names = new Set(["a"]); export const has = (name) => names.has(name)'],
    ['what is known of objects', 'const known = new WeakMap(); export const keep = (key) => known.set(key, 1)'],
    ['room for the numbers of a call', 'const room = new Float64Array(3); export const write = () => { room[0] = 1 }'],
    [
      'an object of a class',
      'class Names { add() {} }; const names = new Names(); export const add = () => names.add()',
    ],
    [
      'a variable of a function',
      'export function count() { let n = 0; const seen = new Set(); seen.add(n); return n++ }',
    ],
    ['what is declared elsewhere', 'declare let gc: () => void'],
    ['a constant of a class', 'class A { static readonly most = 5 }'],
  ])('is not %s', (_, code) => {
    expect(found(code)).toEqual([])
  })
})
