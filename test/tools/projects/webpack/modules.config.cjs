// threads.mjs as ES modules.
module.exports = {
  target: 'node20',
  mode: 'production',
  entry: './threads.mjs',
  experiments: { outputModule: true },
  output: { path: `${__dirname}/out/modules`, filename: 'main.mjs', module: true, chunkFormat: 'module' },
}
