#include "binding/bucket_handle.h"

#include <memory>

#include "binding/hot_calls.h"
#include "binding/napi_args.h"

namespace amorsize::binding {
namespace {

// The ordinary bound call, for buckets beyond the trampolines.
napi_value bound_call(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* handle = static_cast<BucketHandle*>(data);
  return handle->bucket.try_acquire_one(handle->clock.now_ns()) ? nullptr : make_bool(env, false);
}

void close_bucket(napi_env env, void* data, void*) {
  const std::unique_ptr<BucketHandle> handle(static_cast<BucketHandle*>(data));
  release_hot_call(handle.get());
  leave_waiters(handle.get());
  if (handle->waiters_view != nullptr) napi_delete_reference(env, handle->waiters_view);
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->buckets.remove(handle->number);
  handle->environment->release();
}

}  // namespace

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

core::Word* cells_of_view(napi_env env, napi_value view, size_t cells) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(env, view, &type, &length, &data, &buffer, nullptr) != napi_ok) return nullptr;
  bool detachable = true;
  if (napi_is_arraybuffer(env, buffer, &detachable) != napi_ok || detachable) return nullptr;
  const bool ok = type == napi_bigint64_array && length >= cells * core::kWordsPerCell && data != nullptr &&
                  reinterpret_cast<uintptr_t>(data) % core::kCellBytes == 0;
  return ok ? static_cast<core::Word*>(data) : nullptr;
}

napi_value open_bucket(napi_env env, core::Word* cells, napi_value view, NamedCells named, std::string_view name) {
  // order: acquire. Pairs with TokenBucket::initialize: the bucket it announces is visible.
  if (cells[core::bucket::kKind].load(std::memory_order_acquire) != core::kind_word(core::Kind::kTokenBucket)) {
    named.release(env);
    return throw_type(env, "bucket: these cells hold no token bucket of this layout version");
  }
  Environment* environment = Environment::of(env);
  if (environment == nullptr) {
    named.release(env);
    return throw_type(env, "bucket: the environment is closing");
  }
  napi_ref reference = nullptr;
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));
  auto* const opened = new BucketHandle{core::TokenBucket<>(cells), {}, environment, 0, reference, -1, named};
  opened->name = name;
  if (named.mapping != nullptr)
    opened->waiters = core::Waiters<>(cells + core::named_bucket::kCells * core::kWordsPerCell);
  opened->number = environment->buckets.add(opened);
  environment->retain();

  napi_callback callback = take_hot_call(opened);
  napi_value function = nullptr;
  napi_value result = nullptr;
  const bool made = napi_create_function(env, "tryAcquire", NAPI_AUTO_LENGTH,
                                         callback != nullptr ? callback : bound_call, opened, &function) == napi_ok &&
                    napi_add_finalizer(env, function, opened, close_bucket, nullptr, nullptr) == napi_ok;
  if (!made) {
    close_bucket(env, opened, nullptr);
    return throw_last(env, "the bucket's function");
  }
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 2, &result));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 0, function));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 1, make_double(env, opened->number)));
  return result;
}

}  // namespace amorsize::binding
