import { SharedMemoryError } from '../../errors.js'
import { KIND, kindWord, SEMAPHORE } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import { cellsOf, Semaphore, type SemaphoreLimits, type SemaphoreShape, shownLimits } from './semaphore.js'

/** Parameters of a semaphore. */
export interface SemaphoreParameters extends SemaphoreLimits {
  readonly shape: SemaphoreShape
}

/** The advice if a name stands for other limits. */
export const ADVICE = ', or change the limits with update()'

/** Semaphores. If one has no row left for this thread, a SharedMemoryError 'full' says so. */
export const semaphores = new Subjects<Semaphore, SemaphoreParameters>({
  word: kindWord(KIND.semaphore),
  advice: ADVICE,
  cells: ({ shape, least }) => cellsOf(shape, least),
  make: (core, view, asked) => orFull(Semaphore.create(core, view, asked, asked.shape)),
  open: (core, view, parameters) => ({ subject: orFull(Semaphore.open(core, view)), parameters }),
  named: (core, name, scope, asked) => {
    const subject = orFull(Semaphore.named(core, name, scope, asked, asked.shape))
    return { subject, parameters: { ...subject.founding, shape: asked.shape } }
  },
  text: shownLimits,
})

function orFull(semaphore: Semaphore | null): Semaphore {
  if (semaphore !== null) return semaphore
  throw new SharedMemoryError(
    `this semaphore is in use by as many threads as it has room for (at most ${SEMAPHORE.rows}; a thread that was sent copies of a handle counts once for each, until their bulkheads are collected)`,
    { reason: 'full' },
  )
}
