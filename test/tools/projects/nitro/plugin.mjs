export default () => void import('./threads.mjs')
