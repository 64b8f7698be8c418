/**
 * Limits in servers and clients of HTTP: the entry `amorsize/http`. It imports no framework.
 *
 * @module
 */
export type { StoreOptions } from './store-options.js'
export {
  expressStore,
  type ExpressStore,
  type ExpressStoreInfo,
  type ExpressStoreTerms,
  type RedisExpressStore,
} from './express-store.js'
export {
  fastifyStore,
  type FastifyStore,
  type FastifyStoreCallback,
  type FastifyStoreConstructor,
  type FastifyStoreTerms,
} from './fastify-store.js'
export { nestStorage, type NestStorage, type NestStorageRecord } from './nest-storage.js'
export type { LimitDecision, LimitState } from './decision.js'
export type { HttpLimitStats } from './http-limiter.js'
export type {
  BucketLimitOptions,
  HttpLimit,
  HttpLimitOptions,
  RequestCost,
  WindowLimitOptions,
} from './limit-options.js'
export type { RateHeaders } from './rate-headers.js'
export { ipKey } from './ip-key.js'
export {
  connectLimit,
  type ConnectLimit,
  type ConnectLimitOptions,
  type ConnectRequest,
  type ConnectResponse,
} from './connect-limit.js'
export type { NodeResponse } from './response-end.js'
export {
  fastifyLimit,
  type AnyFastifyLimitOptions,
  type FastifyInstanceLike,
  type FastifyLimitOptions,
  type FastifyReplyLike,
  type FastifyRequestLike,
} from './fastify-limit.js'
export { honoLimit, type HonoContext, type HonoLimit, type HonoLimitOptions } from './hono-limit.js'
export { webLimit, type WebLimit, type WebLimitOptions } from './web-limit.js'
export {
  shed,
  type AnyFastifyShedOptions,
  type ConnectShed,
  type ConnectShedOptions,
  type FastifyShedOptions,
  type HonoShed,
  type Shed,
  type ShedForms,
  type WebShed,
  type WebShedOptions,
} from './shed.js'
export type { ShedOptions } from './shed-options.js'
export type { ShedDecision, ShedStats } from './shedder.js'
export type { PerOrigin } from './origin.js'
export type { OriginPolicyOptions } from './origin-policies.js'
export { policyFetch, type PolicyFetch, type PolicyFetchOptions } from './policy-fetch.js'
export type { BodyMaker, PolicyRequestInit, RequestBody } from './replay.js'
export { policyInterceptor, type PolicyInterceptorOptions, type UndiciDispatch } from './policy-interceptor.js'
export { modelFetch, type ModelFetch, type ModelFetchOptions } from './model-fetch.js'
