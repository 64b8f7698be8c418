// Bound calls without reading a callback's data: `napi_get_cb_info` is a quarter of a decision; a function compiled for
// one index knows its handle as an address. There are as many as `kCount`; further handles take the ordinary way, and
// are the data of their functions.
#pragma once

#include <node_api.h>

#include <array>
#include <cstddef>
#include <utility>

#if !defined(__wasm__)
#include <mutex>
#endif

namespace amorsize::binding {

#if defined(__wasm__)
// Instances in several threads share the module's variables, so there are no slots; and a callback is called with its
// data for `info`.
template <class Handle, int kCount>
class HotSlots {
 public:
  static int take(Handle*) { return -1; }
  static void release(int) {}

  template <napi_value (*kCall)(napi_env, Handle*)>
  static napi_value call(napi_env env, napi_callback_info info) {
    return kCall(env, reinterpret_cast<Handle*>(info));
  }
  template <napi_value (*kCall)(napi_env, Handle*)>
  static napi_callback callback(int) {
    return call<kCall>;
  }
};
#else
template <class Handle, int kCount>
class HotSlots {
 public:
  // A slot for `handle`, or -1 when all are taken. Thread-safe.
  static int take(Handle* handle) {
    const std::lock_guard lock(mutex_);
    for (int slot = first_unused_; slot < kCount; ++slot) {
      if (handles_[slot] != nullptr) continue;
      handles_[slot] = handle;
      first_unused_ = slot + 1;
      return slot;
    }
    first_unused_ = kCount;
    return -1;
  }

  // Gives back a slot, or does nothing with -1. Thread-safe.
  static void release(int slot) {
    if (slot < 0) return;
    const std::lock_guard lock(mutex_);
    handles_[slot] = nullptr;
    if (slot < first_unused_) first_unused_ = slot;
  }

  // The callback that calls `kCall` with the handle in `slot`; the ordinary one without a slot.
  template <napi_value (*kCall)(napi_env, Handle*)>
  static napi_callback callback(int slot) {
    static constexpr auto kCallbacks = make<kCall>(std::make_index_sequence<static_cast<size_t>(kCount)>());
    return slot < 0 ? ordinary<kCall> : kCallbacks[static_cast<size_t>(slot)];
  }

 private:
  template <napi_value (*kCall)(napi_env, Handle*), size_t kIndex>
  static napi_value run(napi_env env, napi_callback_info) {
    return kCall(env, handles_[kIndex]);
  }

  template <napi_value (*kCall)(napi_env, Handle*)>
  static napi_value ordinary(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
    return kCall(env, static_cast<Handle*>(data));
  }

  template <napi_value (*kCall)(napi_env, Handle*), size_t... kIndex>
  static constexpr std::array<napi_callback, sizeof...(kIndex)> make(std::index_sequence<kIndex...>) {
    return {run<kCall, kIndex>...};
  }

  // Plain: an entry is written before its functions exist and cleared after they are gone, both by the thread that owns
  // it.
  static inline Handle* handles_[kCount];
  static inline std::mutex mutex_;
  static inline int first_unused_ = 0;
};
#endif

}  // namespace amorsize::binding
