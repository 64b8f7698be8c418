export default {
  build: { ssr: 'main.mjs', outDir: 'out' },
  ssr: { noExternal: true, external: ['amorsize'] },
}
