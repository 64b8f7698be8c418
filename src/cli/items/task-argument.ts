import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Argument, InvalidArgumentError } from 'commander'
import { printable } from '../text/terminal.js'

/** A task as the command line names it. */
export interface TaskArgument {
  readonly url: string
  readonly export: string
}

/** Reads './mod.mjs#fn', relative to the current folder; without '#fn', the default export. */
export function parseTask(text: string): TaskArgument {
  const hash = text.lastIndexOf('#')
  const [module, name] = hash === -1 ? [text, 'default'] : [text.slice(0, hash), text.slice(hash + 1)]
  if (module === '' || name === '')
    throw new InvalidArgumentError("It must be a module and a function it exports, such as './mod.mjs#fn'.")
  return { url: /^(file|data|node):/.test(module) ? module : pathToFileURL(resolve(module)).href, export: name }
}

/** A task in a few words: the module's file and the function. */
export const taskName = ({ url, export: name }: TaskArgument): string =>
  printable(`${url.split('/').at(-1) ?? ''}#${name}`)

/** The argument that names a task, as the commands take it. */
export function taskArgument(): Argument {
  return new Argument('<task>', "module and exported function, such as './mod.mjs#fn'").argParser(parseTask)
}
