/** Limits over Redis or Valkey: the entry `amorsize/redis`. It imports no client. */
export type { CommandSender, IoredisLike, NodeRedisLike, RedisClient, UpstashLike } from './connection.js'
export type { RedisRateLimitChange, RedisRateLimitOptions } from './redis-limiter-options.js'
export {
  type RedisAcquireOptions,
  type RedisDecision,
  type RedisLimiterStats,
  RedisRateLimiter,
} from './redis-rate-limiter.js'
