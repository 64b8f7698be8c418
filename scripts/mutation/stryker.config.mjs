// Stryker mutates what tsc has compiled, line for line as the sources: the tests import dist/, and no compiler runs for a mutant.
export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'scripts/mutation/vitest.config.mjs', related: false },
  coverageAnalysis: 'perTest',
  // What runs while modules load is seen by every test, which takes longer than all else together: not for a first look.
  ignoreStatic: process.env.MUTATION_TESTS !== undefined,
  concurrency: 2,
  // A promise that stays pending ends with its test: this is for loops without an end alone. Less, and a busy machine would count as a kill.
  timeoutMS: 30_000,
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 30,
  disableTypeChecks: false,
  checkers: [],
  // A mutated message changes no behaviour that a program relies on; tests look at codes and at the parts that matter.
  mutator: { excludedMutations: ['StringLiteral', 'ObjectLiteral', 'ArrayDeclaration'] },
  ignorePatterns: [
    'dist/bundle',
    'dist/types',
    'build/Release/obj.target',
    'build-*',
    'bench/results',
    'docs',
    'prebuilds',
    'test/field/node_modules',
    '.cache',
  ],
  tempDirName: 'build-mutation/sandbox',
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: 'build-mutation/report.json' },
  allowConsoleColors: false,
}
