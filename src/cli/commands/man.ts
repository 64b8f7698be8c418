import { Command } from 'commander'
import { commandTree, programOf } from '../command-tree.js'
import { manPage } from '../man-page.js'
import { ownVersion } from '../project-packages.js'

/** Makes the subcommand `amorsize man`. */
export function manCommand(): Command {
  const command = new Command('man')
  return command
    .description('print the manual page; to read it: amorsize man | man -l -')
    .addHelpText('after', '\nExit codes: 0 success, 2 wrong usage.')
    .action(() => {
      process.stdout.write(manPage(commandTree(programOf(command)), ownVersion()))
    })
}
