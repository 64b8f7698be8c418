/** Jobs of BullMQ, and runs over many machines: the entry `amorsize/bullmq`. BullMQ is imported when it is first used. */
export type { JobLike, LimitableQueue } from './peer.js'
export { type ProcessorFunction, wrapProcessor, type WrapProcessorOptions } from './wrap-processor.js'
