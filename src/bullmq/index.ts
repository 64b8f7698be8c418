/**
 * Jobs of BullMQ, and runs over many machines: the entry `amorsize/bullmq`. BullMQ is imported when it is first used.
 *
 * @module
 */
export { bullmq, type BullmqOptions } from './bullmq.js'
export type { QueueAddress } from './bullmq-transport.js'
export type { GroupLimit, GroupLimiter } from './group-limit.js'
export { memoryTransport, type MemoryTransportOptions } from './memory-transport.js'
export type { BullmqModule, JobLike, LimitableQueue } from './peer.js'
export type { PlaceOptions } from './place-options.js'
export { overTransport } from './place.js'
export { type ServeOptions, serveTasks, type Serving } from './serve-tasks.js'
export type { TaskName } from './names.js'
export type { Chunk, ChunkAnswer, ChunkData, ChunkOutcome, OpenTransport, RunInfo, Transport } from './transport.js'
export { type ProcessorFunction, wrapProcessor, type WrapProcessorOptions } from './wrap-processor.js'
