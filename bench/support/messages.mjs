/** The next message of a process. Rejects when it ends before. */
export function nextMessage(child) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`a process ended with exit code ${code}`))
    child.once('exit', ended).once('message', (message) => {
      child.off('exit', ended)
      resolve(message)
    })
  })
}
