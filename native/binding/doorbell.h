// Doorbells: any thread wakes a thread that runs JavaScript. A ring carries nothing; the thread that hears it looks for
// itself what has changed in shared memory. Several rings before it looks are one.
#pragma once

#include <cstdint>

namespace amorsize::binding {

struct Environment;

// A number that no doorbell ever has.
inline constexpr uint32_t kNoDoorbell = 0;

// Wakes the thread of doorbell `id`; does nothing when that thread has ended, or opened none. Thread-safe. Source:
// uv_async_send.
void ring(uint32_t id);

// Wakes every thread that has a doorbell, except that of `id`. Thread-safe.
void ring_others(uint32_t id);

// The doorbell of an environment, or kNoDoorbell while it has none. In that environment's own thread.
uint32_t doorbell_of(const Environment& environment);

}  // namespace amorsize::binding
