#include "binding/bucket_handle.h"

#include "binding/hot_calls.h"

namespace amorsize::binding {
namespace {

// The ordinary bound call, for buckets beyond the trampolines.
napi_value bound_call(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* handle = static_cast<BucketHandle*>(data);
  return handle->bucket.try_acquire_one(handle->clock.now_ns()) ? nullptr : make_bool(env, false);
}

}  // namespace

void BucketHandle::leave(napi_env env) {
  release_hot_call(this);
  leave_waiters(this);
  if (waiters_view != nullptr) napi_delete_reference(env, waiters_view);
}

void leave_named_bucket(napi_env env, BucketHandle* handle) {
  alignas(core::kCellBytes) static core::Word words[core::bucket::kCells * core::kWordsPerCell];
  static const bool is_made = [] {
    core::TokenBucket<> nothing(words);
    nothing.initialize(0, 1e-9, 1);
    return nothing.try_acquire(0, 1) == core::Outcome::kGranted;
  }();
  (void)is_made;
  leave_waiters(handle);
  handle->bucket = core::TokenBucket<>(words);
  handle->named.release(env);
}

napi_value open_bucket(napi_env env, core::Word* cells, napi_value view, NamedCells named, std::string_view name) {
  if (!holds<BucketHandle>(cells)) {
    named.release(env);
    return throw_type(env, "bucket: these cells hold no token bucket of this layout version");
  }
  Opening<BucketHandle> opening(env, view, named, core::TokenBucket<>(cells));
  BucketHandle* const handle = opening.handle;
  if (handle == nullptr) return opening.result();
  handle->name = name;
  if (named.mapping != nullptr)
    handle->waiters = core::Waiters<>(cells + core::named_bucket::kCells * core::kWordsPerCell);
  const napi_callback hot_call = take_hot_call(handle);
  opening.add_bound("tryAcquire", hot_call != nullptr ? hot_call : bound_call);
  opening.add_number();
  return opening.result();
}

}  // namespace amorsize::binding
