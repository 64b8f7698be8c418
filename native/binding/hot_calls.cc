// The addon is compiled for size, which the package has to answer for; a decision is compiled for speed: a fifth faster.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include "binding/hot_calls.h"

#include <array>
#include <mutex>
#include <utility>

namespace amorsize::binding {
namespace {

// Which bucket each call decides for. A plain array: an entry is written before its function exists and cleared after
// its function is gone, both by the thread that owns it.
BucketHandle* g_handles[kHotCalls];
std::mutex g_mutex;
int g_first_unused = 0;

// Returns undefined for "taken" and false for "denied": making a value costs a call, returning none does not.
template <size_t Index>
napi_value hot_call(napi_env env, napi_callback_info) {
  BucketHandle* handle = g_handles[Index];
  if (handle->bucket.try_acquire_one(handle->clock.now_ns())) [[likely]] return nullptr;
  napi_value denied = nullptr;
  napi_get_boolean(env, false, &denied);
  return denied;
}

template <size_t... Index>
constexpr std::array<napi_callback, sizeof...(Index)> make_calls(std::index_sequence<Index...>) {
  return {hot_call<Index>...};
}
constexpr auto kCalls = make_calls(std::make_index_sequence<kHotCalls>());

}  // namespace

napi_callback take_hot_call(BucketHandle* handle) {
  const std::lock_guard lock(g_mutex);
  for (int i = g_first_unused; i < kHotCalls; ++i) {
    if (g_handles[i] != nullptr) continue;
    g_handles[i] = handle;
    g_first_unused = i + 1;
    handle->hot_call = i;
    return kCalls[static_cast<size_t>(i)];
  }
  g_first_unused = kHotCalls;
  return nullptr;
}

void release_hot_call(BucketHandle* handle) {
  if (handle->hot_call < 0) return;
  const std::lock_guard lock(g_mutex);
  g_handles[handle->hot_call] = nullptr;
  if (handle->hot_call < g_first_unused) g_first_unused = handle->hot_call;
  handle->hot_call = -1;
}

}  // namespace amorsize::binding
