// A bucket as one thread holds it.
#pragma once

#include <node_api.h>

#include <string>
#include <string_view>

#include "binding/handle.h"
#include "core/token_bucket.h"
#include "core/waiters.h"

namespace amorsize::binding {

struct BucketHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kTokenBucket;
  static constexpr const char* kSubject = "bucket";
  static constexpr size_t kAllowed = core::named_bucket::kAllowed;
  static constexpr size_t kDenied = core::named_bucket::kDenied;

  core::TokenBucket<> bucket;
  int hot_call = -1;             // index of its functions in hot_calls.h, or -1
  std::string name = {};         // of a bucket of the process
  core::Waiters<> waiters = {};  // who else waits; none while nobody can share the bucket
  int row = core::kNoRow;        // this handle's, while its callers wait
  napi_ref waiters_view = nullptr;

  void leave(napi_env env);
  void close_named(napi_env env);
};

// Registers a handle and returns [take, takeSeveral, number] for it. `view` may be nullptr for cells that live for
// ever. The handle goes when both functions are collected.
napi_value open_bucket(napi_env env, core::Word* cells, napi_value view, NamedCells named = {},
                       std::string_view name = {});

// Gives back what callers of this handle held, who are gone.
void leave_waiters(BucketHandle* handle);

}  // namespace amorsize::binding
