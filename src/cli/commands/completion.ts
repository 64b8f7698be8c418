import { Argument, Command } from 'commander'
import { commandTree, programOf } from '../command-tree.js'
import { completionScript, type Shell, SHELLS } from '../completion.js'

/** Makes the subcommand `amorsize completion`. */
export function completionCommand(): Command {
  const command = new Command('completion')
  return command
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
bash: source <(amorsize completion bash)
zsh:  source <(amorsize completion zsh)
fish: amorsize completion fish | source

Exit codes: 0 success, 2 wrong usage.`,
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, commandTree(programOf(command))))
    })
}
