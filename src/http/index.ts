/** Limits in servers and clients of HTTP: the entry `amorsize/http`. It imports no framework. */
export type { StoreOptions } from './store-options.js'
export { expressStore, type ExpressStore, type ExpressStoreInfo, type ExpressStoreTerms } from './express-store.js'
export {
  fastifyStore,
  type FastifyStore,
  type FastifyStoreCallback,
  type FastifyStoreConstructor,
  type FastifyStoreTerms,
} from './fastify-store.js'
export { nestStorage, type NestStorage, type NestStorageRecord } from './nest-storage.js'
