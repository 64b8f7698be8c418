/** The file of a worker's program. Asked for late: where a bundler has taken `import.meta.url` away, the package can still be imported. */
export const program = (): URL => new URL('./execute-worker.js', import.meta.url)
