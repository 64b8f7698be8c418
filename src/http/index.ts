/**
 * Limits in servers and clients of HTTP: the entry `amorsize/http`. It imports no framework.
 *
 * @module
 */
export type { StoreOptions } from './stores/options.js'
export {
  expressStore,
  type ExpressStore,
  type ExpressStoreInfo,
  type ExpressStoreTerms,
  type RedisExpressStore,
} from './stores/express-store.js'
export {
  fastifyStore,
  type FastifyStore,
  type FastifyStoreCallback,
  type FastifyStoreConstructor,
  type FastifyStoreTerms,
} from './stores/fastify-store.js'
export { nestStorage, type NestStorage, type NestStorageRecord } from './stores/nest-storage.js'
export type { LimitDecision, LimitState } from './limit/decision.js'
export type { HttpLimitStats, LimitHandles } from './limit/http-limiter.js'
export type {
  BucketLimitOptions,
  ConcurrentLimitOptions,
  HttpLimit,
  LimitKeyOptions,
  RequestCost,
  RequestKey,
  RequestNumber,
  SingleLimitOptions,
  WindowLimitOptions,
} from './limit/limit-kinds.js'
export type { HttpLimitOptions } from './limit/limit-options.js'
export type { RateHeaders } from './limit/rate-headers.js'
export { ipKey } from './limit/addresses.js'
export { connectLimit, type ConnectLimit, type ConnectLimitOptions } from './limit/connect-limit.js'
export type { ConnectNext, ConnectRequest, ConnectResponse } from './adapters/connect.js'
export type { NodeResponse } from './adapters/response-end.js'
export type { FastifyInstanceLike, FastifyReplyLike } from './adapters/fastify.js'
export type { HonoContext } from './adapters/hono.js'
export {
  fastifyLimit,
  type AnyFastifyLimitOptions,
  type FastifyLimitOptions,
  type FastifyRequestLike,
} from './limit/fastify-limit.js'
export { honoLimit, type HonoLimit, type HonoLimitOptions } from './limit/hono-limit.js'
export { webLimit, type WebLimit, type WebLimitOptions } from './limit/web-limit.js'
export {
  shed,
  type AnyFastifyShedOptions,
  type ConnectShed,
  type ConnectShedOptions,
  type FastifyShedOptions,
  type HonoShed,
  type ShedForms,
  type WebShed,
  type WebShedOptions,
} from './shed/shed.js'
export type { ShedOptions } from './shed/options.js'
export type { Shed, ShedDecision, ShedStats } from './shed/shedder.js'
export type { PerOrigin } from './client/origin.js'
export type { OriginPolicyOptions } from './client/origin-policies.js'
export { policyFetch, type PolicyFetch, type PolicyFetchOptions } from './client/policy-fetch.js'
export type { BodyMaker, PolicyRequestInit, RequestBody } from './client/replay.js'
export { policyInterceptor, type PolicyInterceptorOptions, type UndiciDispatch } from './client/policy-interceptor.js'
export { modelFetch, type ModelFetch, type ModelFetchOptions } from './client/model-fetch.js'
export type { ModelRates, ModelTokens } from './client/model-limits.js'
