import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { EXIT_FAILURE } from '../exit-codes.js'
import { keepSolved, readProgress } from '../learn/lesson-progress.js'
import { type Figures, type Lesson, lessons } from '../learn/lessons.js'
import { integerFrom } from '../numbers.js'
import { stylesFor } from '../text/terminal.js'

/** A lesson's program takes seconds at most. */
const LIMIT_MS = 60_000

/** Makes the subcommand `amorsize learn`. */
export function learnCommand(): Command {
  const command = new Command('learn')
    .description('six lessons: a program with a gap, and a check that runs it; without a network')
    .addHelpText('after', '\nExit codes: 0 success, 1 the lesson is not solved, or failure, 2 wrong usage.')
    .action(() => {
      list()
    })
  withLesson(command, 'start', 'write the lesson into this folder and say what to do').action(start)
  withLesson(command, 'check', 'run the program and say what is still wrong').action(async (number: number) => {
    process.exitCode = await check(number)
  })
  withLesson(command, 'hint', 'a hint').action((number: number) => {
    process.stdout.write(`${lessonOf(number).hint}\n`)
  })
  withLesson(command, 'solution', 'the line that is missing').action((number: number) => {
    process.stdout.write(`${lessonOf(number).solution.trim()}\n`)
  })
  return command
}

function withLesson(command: Command, name: string, description: string): Command {
  return command
    .command(name)
    .description(description)
    .argument('<lesson>', `number from 1 to ${lessons.length}`, integerFrom(1, lessons.length))
}

const lessonOf = (number: number): Lesson => lessons[number - 1] as Lesson
const fileOf = (number: number): string => `lesson-${number}.mjs`

function list(): void {
  const { solved: done, fault } = readProgress()
  const { bold } = stylesFor(process.stdout)
  const next = lessons.findIndex((_, i) => !done.includes(i + 1)) + 1
  const lines = lessons.map(({ title }, i) => `  ${done.includes(i + 1) ? '✓' : ' '} ${i + 1}  ${title}`)
  const what = next === 0 ? 'All lessons are solved.' : `Go on with: amorsize learn start ${next}`
  process.stdout.write([bold('Lessons'), ...lines, '', what, ''].join('\n'))
  if (fault !== null) process.stderr.write(`amorsize: ${fault}; it counts as none solved\n`)
}

/** Never overwrites a file that somebody may have edited. */
function start(number: number): void {
  const { title, text, program } = lessonOf(number)
  const file = fileOf(number)
  const isThere = existsSync(file)
  if (!isThere) {
    try {
      writeFileSync(file, program, { flag: 'wx' })
    } catch (error) {
      throw new Error(`the lesson cannot be written to ${file}: ${(error as Error).message}`, { cause: error })
    }
  }
  const { bold } = stylesFor(process.stdout)
  const where = isThere ? `${file} is there already and stays as it is.` : `${file} is written.`
  const steps = `Edit it at the TODO, then: amorsize learn check ${number}. Stuck? amorsize learn hint ${number}`
  process.stdout.write(`${bold(`${number}. ${title}`)}\n\n${text}\n\n${where}\n${steps}\n`)
}

async function check(number: number): Promise<number> {
  const file = fileOf(number)
  if (!existsSync(file)) throw new Error(`there is no ${file} in this folder; amorsize learn start ${number} writes it`)
  const { output, figures, failure } = await runProgram(file)
  process.stdout.write(output)
  const wrong =
    failure ??
    (figures === null
      ? `${file} did not print its figures: leave its last line as it is`
      : lessonOf(number).check(figures))
  if (wrong !== null) {
    process.stdout.write(`Not yet: ${wrong}.\n`)
    return EXIT_FAILURE
  }
  process.stdout.write(
    `Solved. ${number < lessons.length ? `Go on with: amorsize learn start ${number + 1}` : 'That was the last one.'}\n`,
  )
  const fault = keepSolved(number)
  if (fault !== null) process.stderr.write(`amorsize: ${fault}\n`)
  return 0
}

interface ProgramRun {
  readonly output: string
  readonly figures: Figures | null
  readonly failure: string | null
}

function runProgram(file: string): Promise<ProgramRun> {
  return new Promise((resolve) => {
    execFile(process.execPath, [file], { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({
        output: stdout,
        figures: figuresOf(stdout),
        failure: error === null ? null : failureOf(file, error.killed === true, stderr),
      })
    })
  })
}

function failureOf(file: string, isKilled: boolean, stderr: string): string {
  if (isKilled) return `${file} did not end within ${LIMIT_MS / 1000} s`
  if (/Cannot find package 'amorsize'/.test(stderr)) return 'this folder has no amorsize: npm install amorsize'
  return `${file} failed: ${/^\w*Error\b.*$/m.exec(stderr)?.[0] ?? stderr.trim()}`
}

function figuresOf(stdout: string): Figures | null {
  try {
    const value = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as unknown
    return typeof value === 'object' && value !== null ? (value as Figures) : null
  } catch {
    // The program printed something else, or nothing.
    return null
  }
}
