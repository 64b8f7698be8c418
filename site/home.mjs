// The first page: docs/README.md below a head that says what this is and shows it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMarkdownRenderer } from 'vitepress'
import { manifest, root } from '../scripts/support/project.mjs'

const features = [
  {
    title: 'One limit for all workers',
    details: 'Token buckets in shared memory: for every thread and process of a machine, in order, without a server.',
    link: '/limiter',
  },
  {
    title: 'A call that survives',
    details: 'Retry, breaker, timeout, fallback, hedge and bulkhead: wrappers, decorators or one compiled pipeline.',
    link: '/policies/',
  },
  {
    title: 'The loop, or threads if they are faster',
    details: 'execute measures the first items while it runs them, and chooses. After a kill, a run can continue.',
    link: '/scheduling',
  },
  {
    title: 'What my container really has',
    details: 'Control groups at every level, affinity, physical cores and memory, in one native call.',
    link: '/detection',
  },
]

/** How README.md begins, too. */
const program = () => `\`\`\`sh
npm install ${manifest.name}
\`\`\`

\`\`\`js
${readFileSync(join(root, 'examples', 'quick-start.mjs'), 'utf8').trimEnd()}
\`\`\`

Each second it prints \`10 calls per second from 4 processes\`.
`

/**
 * What the page has beside its text; as front matter it would show on GitHub.
 *
 * @param page - as VitePress has read it
 * @param {string} docs - the folder of pages
 */
export const homePage = async ({ frontmatter }, docs) => ({
  title: manifest.name,
  titleTemplate: 'rate limits, resilience and parallel execution for Node',
  frontmatter: {
    ...frontmatter,
    layout: 'home',
    hero: {
      name: manifest.name,
      text: 'One rate limit for all your threads and processes',
      tagline: 'No Redis, no server. Circuit breakers and bulkheads share their state in the same way.',
      actions: [
        { theme: 'brand', text: 'Get started', link: '/getting-started' },
        { theme: 'alt', text: 'Which part do I need?', link: '/which-part' },
        { theme: 'alt', text: 'Playground', link: '/play/' },
      ],
    },
    program: (await createMarkdownRenderer(docs)).render(program()),
    features,
  },
})
