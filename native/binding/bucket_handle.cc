#include "binding/bucket_handle.h"

#include "binding/hot_calls.h"

namespace amorsize::binding {

void BucketHandle::leave(napi_env env) {
  release_hot_calls(this);
  leave_waiters(this);
  if (waiters_view != nullptr) napi_delete_reference(env, waiters_view);
}

void BucketHandle::close_named(napi_env env) {
  alignas(core::kCellBytes) static core::Word words[core::bucket::kCells * core::kWordsPerCell];
  static const bool is_made = [] {
    core::TokenBucket<> nothing(words);
    nothing.initialize(0, 1e-9, 1);
    return nothing.try_acquire(0, 1) == core::Outcome::kGranted;
  }();
  (void)is_made;
  leave_waiters(this);
  bucket = core::TokenBucket<>(words);
  named.release(env);
}

napi_value open_bucket(napi_env env, core::Word* cells, napi_value view, NamedCells named, std::string_view name) {
  if (!core::is_of_kind(cells, BucketHandle::kKind)) {
    named.release(env);
    return throw_type(env, "bucket: these cells hold no token bucket of this layout version");
  }
  Opening<BucketHandle> opening(env, view, named, core::TokenBucket<>(cells));
  BucketHandle* const handle = opening.handle;
  if (handle == nullptr) return opening.result();
  handle->name = name;
  if (named.mapping != nullptr)
    handle->waiters = core::Waiters<>(cells + core::named_bucket::kCells * core::kWordsPerCell);
  const BucketCalls calls = take_hot_calls(handle);
  opening.add_bound("take", calls.take);
  opening.add_bound("takeSeveral", calls.take_several);
  opening.add_number();
  return opening.result();
}

}  // namespace amorsize::binding
