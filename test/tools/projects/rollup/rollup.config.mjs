import nodeResolve from '@rollup/plugin-node-resolve'

export default {
  input: 'main.mjs',
  external: [/^node:/, 'amorsize'],
  output: { file: 'out/main.mjs', format: 'es' },
  plugins: [nodeResolve()],
}
