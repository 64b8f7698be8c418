// What every call that names its keyed table by number begins with.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <optional>

#include "binding/environment.h"
#include "binding/keyed_handle.h"
#include "binding/napi_args.h"
#include "binding/times.h"

namespace amorsize::binding {

// The arguments every call starts with: the table's number, the key, and the time in ms (NaN: read the clock).
template <size_t N>
struct KeyedCall : Args<N> {
  KeyedHandle* handle = nullptr;
  uint64_t hash = 0;
  int64_t now_ns = 0;
  bool ready = false;

  KeyedCall(napi_env env, napi_callback_info info) : Args<N>(env, info) {
    double number = -1;
    if (!this->ok || !read_double(env, this->values[0], &number)) number = -1;
    Environment* environment = Environment::of(env);
    if (environment != nullptr) handle = environment->keyed.find(number);
    if (handle == nullptr) {
      throw_type(env, "keyed: no open table of this thread has that number");
      return;
    }
    const std::optional<uint64_t> found = hash_of_key(env, this->values[1], handle->table.terms().seed);
    double ms = 0;
    if (!found || !read_double(env, this->values[2], &ms)) {
      throw_type(env, "keyed: a key (string, number or bigint) and a time in ms were expected");
      return;
    }
    hash = *found;
    now_ns = std::isnan(ms) ? handle->clock.now_ns() : ns_from_ms(ms);
    ready = true;
  }

  // Reads argument `index` as tokens: > 0 and at most 1e15, or >= 0 where none is fine and more than any fills.
  bool tokens(napi_env env, size_t index, double* out, bool refund = false) const {
    const bool ok =
        read_double(env, this->values[index], out) && (refund ? *out >= 0 : *out > 0 && *out <= core::kMaxBurst);
    if (!ok) throw_range(env, "keyed: tokens must be > 0 and at most 1e15");
    return ok;
  }

  // Reads argument `index` as a whole number of units, a place or a generation.
  bool whole(napi_env env, size_t index, int64_t* out) const {
    double value = 0;
    const bool ok =
        read_double(env, this->values[index], &value) && std::fabs(value) <= kFarthest && std::floor(value) == value;
    if (!ok) throw_range(env, "keyed: a whole number was expected");
    *out = ok ? static_cast<int64_t>(value) : 0;
    return ok;
  }

 private:
  // A base is a place from the beginning of the axis, which is not longer.
  static constexpr double kFarthest = 0x1p61;
};

}  // namespace amorsize::binding
