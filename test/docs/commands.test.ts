import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../dist/cli/program.js'
import { pages, read, root } from './support/blocks.js'

const program = createProgram()

/** What is wrong with a call of `amorsize` as a page writes it; null where the program knows all of it. */
function faultOf(words: readonly string[]): string | null {
  let command: Command = program
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined) break
    command = next
  }
  if (command === program && words[0] !== undefined && /^[a-z]+$/.test(words[0]) && words[0] !== 'help')
    return `there is no command ${words[0]}`
  const ends = words.indexOf('--')
  const options = (ends === -1 ? words : words.slice(0, ends)).filter((word) => word.startsWith('--') && word !== '--help')
  const known = new Set([...command.options, ...program.options].map(({ long }) => long))
  const unknown = options.find((option) => !known.has(option.split('=')[0]))
  return unknown === undefined ? null : `${command.name()} has no option ${unknown}`
}

const calls = pages()
  .filter((page) => existsSync(join(root, page)))
  .flatMap((page) =>
    [...read(page).matchAll(/(?:^|[\s`$])npx amorsize ((?:[^\n`|#&]|(?<=\S)#)+)/g)].map((match) => [page, match[1]!.trim()] as const),
  )

describe('the command line as pages write it', () => {
  it('is the one there is', () => {
    expect(calls.length).toBeGreaterThan(20)
    const wrong = calls.flatMap(([page, call]) => {
      const fault = faultOf(call.split(/\s+/).filter((word) => word !== '…'))
      return fault === null ? [] : [`${page}: npx amorsize ${call}: ${fault}`]
    })
    expect(wrong).toEqual([])
  })

  it.each([
    ['optimize ./a.mjs#f --items x', null],
    ['optmize ./a.mjs#f', 'there is no command optmize'],
    ['optimize ./a.mjs#f --itemz x', 'optimize has no option --itemz'],
    ['shm remove --unused', null],
  ])('%s is judged', (call, fault) => {
    expect(faultOf(call.split(' '))).toBe(fault)
  })
})
