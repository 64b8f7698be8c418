/**
 * Limits over Redis or Valkey: the entry `amorsize/redis`. It imports no client.
 *
 * @module
 */
export type { CommandSender, GlideLike, IoredisLike, NodeRedisLike, RedisClient, UpstashLike } from './clients.js'
export type { RedisDecision } from './decision.js'
export type { RedisLimiterStats } from './limit-host.js'
export type { RedisKeyedRateLimiterHandle, RedisRateLimiterHandle } from './redis-handle.js'
export type { RedisBulkhead, RedisBulkheadOptions } from './redis-bulkhead.js'
export { redisBulkhead } from './redis-bulkhead.js'
export { RedisKeyedRateLimiter } from './redis-keyed-rate-limiter.js'
export type {
  RedisAcquireOptions,
  RedisKeyedRateLimitOptions,
  RedisRateLimitChange,
  RedisRateLimitOptions,
} from './redis-limiter-options.js'
export { RedisRateLimiter } from './redis-rate-limiter.js'
export type { RedisCosts, RedisPermit, RedisRateLimiterAll } from './redis-rate-limiter-all.js'
