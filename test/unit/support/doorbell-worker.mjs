// Opens a doorbell and tells each time it is rung. `hold`: stays alive for it. `end`: how it ends after the first ring.
import { parentPort, workerData } from 'node:worker_threads'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'

doorbell.onRing(() => {
  parentPort.postMessage('rung')
  if (workerData?.end === 'exit') process.exit(3)
  if (workerData?.end === 'throw')
    setImmediate(() => {
      throw new Error('planned')
    })
})
if (workerData?.hold) doorbell.hold()
parentPort.postMessage(doorbell.id)
