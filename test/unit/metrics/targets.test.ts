import { openTelemetry, prometheus } from 'amorsize/metrics'
import { expect, it } from 'vitest'

it.each([[undefined, 'undefined'] as const, [5, '5 (number)'] as const, [{}, 'an object (Object)'] as const])(
  'is refused: %o instead of what metrics are given to',
  (given, received) => {
    expect(() => prometheus(given as never)).toThrow(`registry must be a Registry of prom-client; received ${received}`)
    expect(() => openTelemetry(given as never)).toThrow(
      `meter must be a Meter of @opentelemetry/api; received ${received}`,
    )
  },
)
