// What the calls begin with that name a subject by its number, as `Opening` gave it.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <optional>

#include "binding/arguments.h"
#include "binding/handle.h"
#include "binding/keys.h"
#include "binding/times.h"

namespace amorsize::binding {

// (number, …)
template <class T, size_t N>
class Call : public Arguments<N> {
 public:
  Call(napi_env env, napi_callback_info info) : Arguments<N>(env, info, T::kSubject) {
    double number = -1;
    if (napi_get_value_double(env, this->values[0], &number) == napi_ok) handle = find_handle<T>(env, number);
    if (handle == nullptr) this->wrong_type("nothing of this thread is open under that number");
  }

  // Reads argument `index` as a time in ms; NaN: reads the clock.
  int64_t now_ns(size_t index) {
    const double ms = this->number(index, rules::kTime);
    has_own_clock = std::isnan(ms);
    return has_own_clock ? handle->clock.now_ns() : ns_from_ms(ms);
  }

  T* handle = nullptr;
  bool has_own_clock = false;  // whether the last time that was read was the clock's
};

// (number, key, nowMs, …): of a table with a place for each key
template <class T, size_t N>
class KeyCall : public Call<T, N> {
 public:
  KeyCall(napi_env env, napi_callback_info info) : Call<T, N>(env, info) {
    if (!this->ok) return;
    const std::optional<uint64_t> found = hash_of_key(env, this->values[1], this->handle->table.terms().seed);
    if (!found) this->wrong_type("a key must be a string, a number or a bigint, and not too long");
    hash = found.value_or(0);
    now = this->now_ns(2);
  }

  uint64_t hash = 0;
  int64_t now = 0;
};

// …AddCounts(number, allowed, denied): adds decisions of a subject with a name to what those who watch can see
template <class T>
napi_value add_counts(napi_env env, napi_callback_info info) {
  Call<T, 3> call(env, info);
  const int64_t allowed = call.whole(1, rules::kCount);
  const int64_t denied = call.whole(2, rules::kCount);
  if (call.ok && call.handle->named.words == nullptr) call.wrong_type("only one with a name has counts");
  if (!call.ok) return nullptr;
  core::Word* const words = call.handle->named.words;
  // order: relaxed. They are looked at and nothing follows from them.
  words[T::kAllowed].fetch_add(allowed, std::memory_order_relaxed);
  words[T::kDenied].fetch_add(denied, std::memory_order_relaxed);
  return nullptr;
}

// …Close(number): lets go of the memory of a subject with a name while its functions may still be called: they find an
// empty one.
template <class T>
napi_value close_named(napi_env env, napi_callback_info info) {
  Call<T, 1> call(env, info);
  if (call.ok && call.handle->named.words != nullptr) call.handle->close_named(env);
  return nullptr;
}

// …LetGo(number): lets go of a subject with a name before its functions are collected. None of them may be called any
// more, and its number stands for nothing.
template <class T>
napi_value let_go(napi_env env, napi_callback_info info) {
  Call<T, 1> call(env, info);
  if (!call.ok) return nullptr;
  call.handle->leave(env);
  call.handle->named.release(env);
  call.handle->kind = core::Kind::kNone;
  return nullptr;
}

}  // namespace amorsize::binding
