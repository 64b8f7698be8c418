// The first page: docs/README.md below a head that says what this is.
import { manifest } from '../scripts/support/project.mjs'

const features = [
  {
    title: 'One limit for all workers',
    details: 'Token buckets in shared memory: every thread and process of a machine, in order, without a server.',
    link: '/limiter',
  },
  {
    title: 'A call that survives',
    details: 'Retry, breaker, timeout, fallback, hedge and bulkhead: wrappers, decorators or one compiled pipeline.',
    link: '/policies/',
  },
  {
    title: 'The loop, or threads where they pay',
    details: 'execute measures the first items while it runs them, and chooses. A run that is killed goes on.',
    link: '/scheduling',
  },
  {
    title: 'What my container really has',
    details: 'Control groups at every level, affinity, physical cores and memory, in one native call.',
    link: '/detection',
  },
]

/** What the page has beside its text; as front matter it would show on GitHub. */
export const homePage = ({ frontmatter }) => ({
  title: manifest.name,
  titleTemplate: 'rate limits, resilience and parallel execution for Node',
  frontmatter: {
    ...frontmatter,
    layout: 'home',
    hero: {
      name: manifest.name,
      text: 'Limits that hold over threads and processes',
      tagline: 'Rate limits, resilience policies and parallel execution for Node. One C++ core in shared memory.',
      actions: [
        { theme: 'brand', text: 'Get started', link: '/getting-started' },
        { theme: 'alt', text: 'Which part do I need?', link: '/which-part' },
        { theme: 'alt', text: 'Playground', link: '/play/' },
      ],
    },
    features,
  },
})
