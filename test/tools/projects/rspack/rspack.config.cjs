// Rspack has no flag for it: a build with warnings fails.
const failOnWarnings = (compiler) =>
  compiler.hooks.done.tap('failOnWarnings', (stats) => {
    if (stats.hasWarnings()) throw new Error(stats.toString())
  })

module.exports = {
  target: 'node20',
  mode: 'production',
  entry: './main.mjs',
  output: { path: `${__dirname}/out`, filename: '[name].cjs' },
  plugins: [failOnWarnings],
}
