import type { CommandOfTree } from './command-tree.js'

/** Escapes text for troff, which would take a dot or quote at the start of a line for a request. */
const literal = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')

/**
 * The manual page of the program, section 1, in troff.
 *
 * @param version - of the package
 */
export function manPage(program: CommandOfTree, version: string): string {
  return [
    `.TH AMORSIZE 1 "" "amorsize ${literal(version)}" "User Commands"`,
    '.SH NAME',
    `${literal(program.name)} \\- ${literal(program.description)}`,
    '.SH SYNOPSIS',
    `.B ${literal(program.name)}`,
    '.I command',
    '[options]',
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => section(command, program.name)),
    '.SH EXIT STATUS',
    '0 success, 1 failure, 2 wrong usage. A command that has others says so in its help.',
    '.SH SEE ALSO',
    'https://github.com/amorsize/amorsize\\-node/tree/main/docs',
    '',
  ].join('\n')
}

function section(command: CommandOfTree, before: string): string[] {
  const name = `${before} ${command.name}`
  return [
    `.SS "${literal(name)} ${literal(command.usage)}"`,
    literal(command.description),
    ...[...command.arguments, ...command.options].flatMap(({ flags, description }) => [
      '.TP',
      `.B "${literal(flags)}"`,
      literal(description),
    ]),
    ...command.commands.flatMap((child) => section(child, name)),
  ]
}
