import tseslint from 'typescript-eslint'
import { noModuleState } from './scripts/eslint/no-module-state.mjs'

// Imports point down only. Each folder of src/ names what it may import; everything else is refused.
const layers = {
  internal: ['errors'],
  memory: ['errors', 'internal'],
  system: ['errors', 'internal'],
  'rate-limit': ['errors', 'internal', 'memory', 'system'],
  limiter: ['errors', 'internal', 'memory', 'rate-limit'],
  policy: ['errors', 'internal', 'memory', 'system', 'rate-limit'],
  decorators: ['errors', 'internal', 'memory', 'system', 'rate-limit', 'policy'],
  // No framework among them: their interfaces are written down as they are used.
  http: ['errors', 'internal', 'memory', 'system', 'rate-limit', 'policy', 'redis'],
  // No client among them, for the same reason.
  redis: ['errors', 'internal', 'memory', 'system', 'rate-limit', 'policy'],
  metrics: ['errors', 'internal', 'memory', 'rate-limit', 'policy', 'system'],
  // BullMQ neither: it is imported when it is first needed.
  bullmq: ['errors', 'internal', 'policy', 'records', 'execute'],
  // What is kept of a run, on disk and for a person, knows nothing of how it is scheduled.
  records: ['errors', 'internal'],
  execute: ['errors', 'internal', 'memory', 'system', 'rate-limit', 'policy', 'records'],
  // The command line and the testing tools are users of what lies below them; `amorsize top` looks at shared memory itself.
  testing: ['errors', 'internal', 'system', 'policy'],
  cli: ['errors', 'internal', 'memory', 'index', 'system', 'metrics', 'testing', 'bullmq'],
}
const everything = [...Object.keys(layers), 'errors', 'index']

const directions = Object.entries(layers).map(([folder, allowed]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^\\.\\./(${everything.filter((name) => name !== folder && !allowed.includes(name)).join('|')})(/|\\.js$)`,
            message: `src/${folder} may import only ${allowed.join(', ')}.`,
          },
          { regex: '^\\.\\./\\.\\./', message: `src/${folder} has no parts.` },
        ],
      },
    ],
  },
}))

// Folders with parts of their own: each part may import the parts that it names.
const partsOf = {
  memory: {
    wasm: ['shared'],
    shared: ['wasm'],
    bucket: ['shared'],
    breaker: ['shared'],
    semaphore: ['shared'],
    'retry-budget': ['shared'],
    keyed: ['shared', 'bucket'],
    window: ['shared', 'keyed'],
    machine: ['shared', 'bucket', 'keyed', 'breaker', 'semaphore'],
  },
  execute: {
    transfer: [],
    schedule: ['transfer'],
    worker: ['transfer', 'schedule'],
    threads: ['transfer', 'worker', 'schedule'],
    run: ['transfer', 'schedule'],
    lanes: ['transfer', 'schedule', 'worker', 'threads', 'run'],
  },
  internal: { time: [], text: [], options: ['time'], events: ['time', 'text', 'options'] },
  'rate-limit': { waiting: [], keyed: ['waiting'] },
  policy: { stages: [], bulkhead: ['stages'], 'circuit-breaker': ['stages'], retry: ['stages'] },
  http: { adapters: [], stores: [], limit: ['adapters', 'stores'], shed: ['adapters', 'limit'], client: [] },
  cli: {
    text: [],
    items: ['text'],
    trial: ['items', 'text'],
    bench: ['text'],
    top: ['text'],
    learn: [],
    commands: ['text', 'items', 'trial', 'bench', 'top', 'learn'],
  },
}

const partDirections = Object.entries(partsOf).flatMap(([folder, parts]) =>
  Object.entries(parts).map(([part, allowed]) => ({
    files: [`src/${folder}/${part}/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^\\.\\./\\.\\./(?!(${layers[folder].join('|')})(/|\\.js$))`,
              message: `src/${folder} may import only ${layers[folder].join(', ')}.`,
            },
            {
              regex: `^\\.\\./(${Object.keys(parts)
                .filter((name) => name !== part && !allowed.includes(name))
                .join('|')})/`,
              message: `src/${folder}/${part} may import ${allowed.length === 0 ? 'no other part' : `only ${allowed.join(', ')}`}.`,
            },
          ],
        },
      ],
    },
  })),
)

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'build/',
      'build-*/',
      'prebuilds/',
      'coverage/',
      // What tests download and build.
      '.cache/',
      // What the site is built into, and what it keeps.
      'docs/.site/',
      'site/.cache/',
      'site/.vitepress/.temp/',
      'test/fixtures/',
      'test/types/legacy/',
      'test/field/**/*.ts',
      'test/field/.built/',
      // Programs as users write them, in the language of each tool.
      'test/tools/program/',
      'test/tools/projects/',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.mjs'] } } },
    rules: {
      // One idea takes about so much; an editor shows it, `npm run lint` lists the files at its end.
      'max-lines': ['warn', 300],
      // Errors print numbers and names; the checks above them have established the types.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A caller's abort reason and a task's own error are passed on unchanged, whatever they are.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      // `unknown[]` parameters cannot stand for "any function"; the field's idiom can.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  { files: ['**/*.mjs', '**/*.cjs'], ...tseslint.configs.disableTypeChecked },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  ...directions,
  ...partDirections,
  {
    files: ['src/**/*.ts'],
    plugins: { house: { rules: { 'no-module-state': noModuleState } } },
    rules: { 'house/no-module-state': 'error' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      // Functions under test are asynchronous by their nature, methods are taken off their class, classes may be empty.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
)
