module.exports = {
  target: 'node20',
  mode: 'production',
  entry: './main.mjs',
  output: { path: `${__dirname}/out`, filename: 'main.cjs' },
}
