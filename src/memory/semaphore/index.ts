import { SharedMemoryError } from '../../errors.js'
import { KIND, kindWord, SEMAPHORE } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import { NativeSemaphore } from './native.js'
import { cellsOf, type Semaphore, type SemaphoreLimits, type SemaphoreShape, shownLimits } from './semaphore.js'
import { TwinSemaphore } from './twin.js'

/** What a semaphore is made with. */
export interface SemaphoreParameters extends SemaphoreLimits {
  readonly shape: SemaphoreShape
}

/** What to do instead where a name stands for other limits. */
export const ADVICE = ', or change the limits with update()'

/** Semaphores. Where one has no row left for this thread, a SharedMemoryError 'full' says so. */
export const semaphores = new Subjects<Semaphore, SemaphoreParameters>({
  word: kindWord(KIND.semaphore),
  advice: ADVICE,
  cells: ({ shape, least }) => cellsOf(shape, least),
  make: (addon, view, asked) =>
    orFull(
      addon === null
        ? TwinSemaphore.create(view, asked, asked.shape)
        : NativeSemaphore.create(addon, view, asked, asked.shape),
    ),
  open: (addon, view) => orFull(addon === null ? TwinSemaphore.open(view) : NativeSemaphore.open(addon, view)),
  named: (addon, name, scope, asked) => {
    const subject = orFull(NativeSemaphore.named(addon, name, scope, asked, asked.shape))
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
