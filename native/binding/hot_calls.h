// The calls that are made for every decision, compiled for speed.
#pragma once

#include <node_api.h>

namespace amorsize::binding {

struct BreakerHandle;
struct BucketHandle;

inline constexpr int kHotBuckets = 64;
inline constexpr int kHotBreakers = 32;

// A callback that decides for `handle`, or nullptr when all are taken. Thread-safe. Sets handle->hot_call.
napi_callback take_hot_call(BucketHandle* handle);

// The two callbacks of a breaker, or nullptr when all are taken. Thread-safe. Sets handle->hot_call.
struct HotBreakerCalls {
  napi_callback admit;
  napi_callback succeed;
};
HotBreakerCalls take_hot_calls(BreakerHandle* handle);

// Frees the callbacks of `handle`. Thread-safe.
void release_hot_call(BucketHandle* handle);
void release_hot_calls(BreakerHandle* handle);

}  // namespace amorsize::binding
