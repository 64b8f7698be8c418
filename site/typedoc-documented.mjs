// Fails where a public name or member has no docstring.
import { Application, ReflectionKind } from 'typedoc'

const KINDS =
  ReflectionKind.TypeAlias |
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.Variable |
  ReflectionKind.Property |
  ReflectionKind.CallSignature |
  ReflectionKind.GetSignature

/** What others made, as far as it is used: their documentation says what its members are. */
const OF_OTHERS = [
  ...[
    'ConnectRequest',
    'ConnectResponse',
    'NodeResponse',
    'FastifyInstanceLike',
    'FastifyReplyLike',
    'FastifyRequestLike',
  ],
  ...[
    'HonoContext',
    'ExpressStore',
    'RedisExpressStore',
    'FastifyStore',
    'FastifyStoreTerms',
    'NestStorage',
    'NestStorageRecord',
  ],
  ...[
    'CommandSender',
    'GlideLike',
    'IoredisLike',
    'NodeRedisLike',
    'UpstashLike',
    'BullmqModule',
    'JobLike',
    'LimitableQueue',
  ],
  ...['OtelInstrument', 'OtelMeter', 'OtelObserver', 'PromRegistry'],
]
/** Made of the options of the same names, which are documented there. */
const MADE_OF_OPTIONS = ['CompletePolicy', 'CompleteKeyedPolicy']

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const reflection of Object.values(project.reflections)) {
      if (!reflection.kindOf(KINDS) || reflection.hasComment() || isElsewhere(reflection)) continue
      app.logger.error(`${reflection.getFullName()} has no docstring`)
    }
  })
}

/** Whether what it says stands somewhere else: where the type it is part of is used, or in another package. */
function isElsewhere(reflection) {
  const { name, parent } = reflection
  if (name === '__type') return true
  // An interface of a function says what the function does.
  if (parent?.kindOf(ReflectionKind.Interface) && parent.name === name) return true
  for (let at = reflection.parent; at !== undefined; at = at.parent)
    if (at.name === '__type' || OF_OTHERS.includes(at.name) || MADE_OF_OPTIONS.includes(at.name)) return true
  return false
}
