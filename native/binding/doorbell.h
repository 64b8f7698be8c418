// Doorbells: any thread wakes a thread that runs JavaScript. A ring carries nothing; the thread that hears it looks for
// itself what has changed in shared memory. Several rings before it looks are one.
#pragma once

#include <node_api.h>

#include <cstdint>

namespace amorsize::binding {

// A number that no doorbell ever has.
inline constexpr uint32_t kNoDoorbell = 0;

// Wakes the thread of doorbell `id`; does nothing when that thread has ended, or opened none. Thread-safe. Source:
// uv_async_send.
void ring(uint32_t id);

// Wakes every thread that has a doorbell, except that of `id`. Thread-safe.
void ring_others(uint32_t id);

// Whether `id` is a doorbell of this environment.
bool is_doorbell_of(napi_env env, uint32_t id);

}  // namespace amorsize::binding
