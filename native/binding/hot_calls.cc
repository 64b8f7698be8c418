// The addon is compiled for size, which the package has to answer for; a decision is compiled for speed: a fifth
// faster.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include "binding/hot_calls.h"

#include "binding/argument_rules.h"
#include "binding/breaker_handle.h"
#include "binding/bucket_handle.h"
#include "binding/hot_slots.h"

namespace amorsize::binding {
namespace {

using Buckets = HotSlots<BucketHandle, kHotBuckets>;
using Breakers = HotSlots<BreakerHandle, kHotBreakers>;

// Undefined is "yes" and false is "no" in all of them: making a value costs a call, returning none does not.
inline napi_value no(napi_env env) {
  napi_value value = nullptr;
  napi_get_boolean(env, false, &value);
  return value;
}

inline napi_value take(napi_env env, BucketHandle* handle) {
  if (handle->bucket.try_acquire_one(handle->clock.now_ns())) [[likely]]
    return nullptr;
  return no(env);
}

// True: ask `bucketTryAcquire`, which says why these can never be taken. A copy of it in each of its callbacks would
// make the addon larger by a twentieth, and no call faster.
[[gnu::noinline]] napi_value take_several(napi_env env, BucketHandle* handle) {
  const double tokens = *handle->environment->tokens.number;
  if (!rules::kTokens.allows(tokens)) return make_bool(env, true);
  const core::Outcome outcome = handle->bucket.try_acquire(handle->clock.now_ns(), tokens);
  if (outcome == core::Outcome::kGranted) [[likely]]
    return nullptr;
  return make_bool(env, outcome != core::Outcome::kDenied);
}

// Whether a call may be made, of the state JavaScript knows of. If not, ask `breakerAdmit`.
inline napi_value admit(napi_env env, BreakerHandle* handle) {
  if (handle->may_enter()) [[likely]]
    return nullptr;
  return no(env);
}

// A call of that state succeeded, and was not slow. "No" when the state is over, or was ended by this.
inline napi_value succeed(napi_env env, BreakerHandle* handle) {
  if (handle->may_enter() && handle->success_is_free()) [[likely]]
    return nullptr;
  return handle->succeed() ? nullptr : no(env);
}

}  // namespace

BucketCalls take_hot_calls(BucketHandle* handle) {
  handle->hot_call = Buckets::take(handle);
  return {Buckets::callback<take>(handle->hot_call), Buckets::callback<take_several>(handle->hot_call)};
}

void release_hot_calls(BucketHandle* handle) {
  Buckets::release(handle->hot_call);
  handle->hot_call = -1;
}

BreakerCalls take_hot_calls(BreakerHandle* handle) {
  handle->hot_call = Breakers::take(handle);
  return {Breakers::callback<admit>(handle->hot_call), Breakers::callback<succeed>(handle->hot_call)};
}

void release_hot_calls(BreakerHandle* handle) {
  Breakers::release(handle->hot_call);
  handle->hot_call = -1;
}

}  // namespace amorsize::binding
