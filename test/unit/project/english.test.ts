import { expect, it } from 'vitest'
import { checkEnglish, faultsIn } from '../../../scripts/support/english.mjs'

const long = `It counts ${'one and '.repeat(15)}two.`

it.each([
  'Whoever dies in between is finished by the next.',
  'What a process holds comes back as soon as another one waits.',
  'Who comes first makes the breaker half-open.',
  'A module that cannot be loaded is told and watched on.',
  'The bucket is made anew.',
])('finds in a page and in comments: %s', (sentence) => {
  expect(faultsIn('page.md', `# A heading\n\nAll is well. ${sentence}\n`)).toEqual([
    { line: 3, sentence, fault: expect.any(String) },
  ])
  expect(faultsIn('source.ts', `/**\n * All is well.\n * @param x - ${sentence}\n */\n`)).toHaveLength(1)
  expect(faultsIn('source.ts', `const x = 1 // ${sentence}\n`)).toHaveLength(1)
})

it('finds long sentences in paragraphs, items and cells of a page, over the end of a line, too', () => {
  const folded = long.replace('one', 'one\n')
  expect(faultsIn('page.md', folded)).toHaveLength(1)
  expect(faultsIn('page.md', `- ${folded}\n- short\n\n| ${long} | cell |\n`)).toHaveLength(2)
  expect(faultsIn('page.md', `${'It is short. '.repeat(20)}\n`)).toEqual([])
})

it.each(['What is refused?', '`told()` is a word of code.', '[A link](told.md) counts as its text.'])(
  'leaves alone: %s',
  (sentence) => {
    expect(faultsIn('page.md', sentence)).toEqual([])
  },
)

it('leaves headings and code alone', () => {
  expect(faultsIn('page.md', `## What is promised\n\n\`\`\`js\n// Whoever\n\`\`\`\n\n    told anew\n`)).toEqual([])
  expect(
    faultsIn('source.ts', `const told = 'http://anew.example/what'\n/** Fine.\n * @example\n * told()\n */\n`),
  ).toEqual([])
})

it('finds nothing in pages and folders that are done', () => {
  expect(checkEnglish()).toEqual([])
})

it('refuses a path that is not there', () => {
  expect(() => checkEnglish(['docs/none.md'])).toThrow('docs/none.md')
})
