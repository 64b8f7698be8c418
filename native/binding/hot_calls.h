// Bound calls without reading a callback's data. `napi_get_cb_info` is a quarter of a decision; a function compiled for
// one index knows its bucket as an address. There are as many as below; further buckets take the ordinary way.
#pragma once

#include <node_api.h>

#include "binding/bucket_handle.h"

namespace amorsize::binding {

inline constexpr int kHotCalls = 64;

// A callback that decides for `handle`, or nullptr when all are taken. Thread-safe. Sets handle->hot_call.
napi_callback take_hot_call(BucketHandle* handle);

// Frees the callback of `handle`. Thread-safe.
void release_hot_call(BucketHandle* handle);

}  // namespace amorsize::binding
