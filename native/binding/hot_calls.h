// The calls that are made for every decision, compiled for speed. They are bound to their handle.
#pragma once

#include <node_api.h>

namespace amorsize::binding {

struct BreakerHandle;
struct BucketHandle;

inline constexpr int kHotBuckets = 64;
inline constexpr int kHotBreakers = 32;

struct BucketCalls {
  napi_callback take;          // one token
  napi_callback take_several;  // as many as `Environment::tokens` says
};
struct BreakerCalls {
  napi_callback admit;
  napi_callback succeed;
};

// The calls of `handle`. Thread-safe. Sets handle->hot_call.
BucketCalls take_hot_calls(BucketHandle* handle);
BreakerCalls take_hot_calls(BreakerHandle* handle);

// Frees them. Thread-safe.
void release_hot_calls(BucketHandle* handle);
void release_hot_calls(BreakerHandle* handle);

}  // namespace amorsize::binding
