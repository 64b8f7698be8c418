import type { CommandOfTree, OptionOfCommand } from './command-tree.js'

/** Shells that completion supports. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A script that teaches a shell to complete the commands and options of the program; file names are completed, too. */
export function completionScript(shell: Shell, program: CommandOfTree): string {
  return { bash, zsh, fish }[shell](program)
}

/** Options of the command and of all its subcommands: completion does not check which subcommand was typed. */
const optionsOf = (command: CommandOfTree): readonly OptionOfCommand[] => [
  ...new Map(
    [command, ...command.commands].flatMap(({ options }) => options.map((option) => [option.long, option])),
  ).values(),
]

const words = (command: CommandOfTree, options = optionsOf(command)): string =>
  [...command.commands.map(({ name }) => name), ...options.map(({ long }) => long)].join(' ')

/** Branches of a `case` in bash and zsh: for each command, the words that may follow it. */
const cases = ({ commands }: CommandOfTree): string[] =>
  commands.map((command) => `    ${command.name}) words='${words(command)}' ;;`)

function bash(program: CommandOfTree): string {
  return [
    '# amorsize: source <(amorsize completion bash)',
    '_amorsize() {',
    '  local words current=${COMP_WORDS[COMP_CWORD]}',
    '  [[ $COMP_CWORD -eq 1 ]] && set -- \'\' || set -- "${COMP_WORDS[1]}"',
    '  case $1 in',
    ...cases(program),
    `    *) words='${words(program, program.options)}' ;;`,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _amorsize amorsize',
    '',
  ].join('\n')
}

function zsh(program: CommandOfTree): string {
  return [
    '#compdef amorsize',
    '# amorsize: source <(amorsize completion zsh)',
    '_amorsize() {',
    '  local words_of',
    '  local first=${words[2]}',
    "  (( CURRENT == 2 )) && first=''",
    '  case $first in',
    ...cases(program).map((line) => line.replace('words=', 'words_of=')),
    `    *) words_of='${words(program, program.options)}' ;;`,
    '  esac',
    '  compadd -- ${=words_of}',
    '  _files',
    '}',
    'compdef _amorsize amorsize',
    '',
  ].join('\n')
}

const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`

function fish(program: CommandOfTree): string {
  const commands = program.commands.flatMap((command) => [
    `complete -c amorsize -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
    ...command.commands.map(
      (child) =>
        `complete -c amorsize -n '__fish_seen_subcommand_from ${command.name}' -a ${child.name} -d ${quoted(child.summary)}`,
    ),
    ...optionsOf(command).map(({ long, short, description, choices }) =>
      [
        `complete -c amorsize -n '__fish_seen_subcommand_from ${command.name}' -l ${long.slice(2)}`,
        short === null ? '' : ` -s ${short.slice(1)}`,
        choices.length === 0 ? '' : ` -x -a ${quoted(choices.join(' '))}`,
        ` -d ${quoted(description)}`,
      ].join(''),
    ),
  ])
  return ['# amorsize: amorsize completion fish | source', ...commands, ''].join('\n')
}
