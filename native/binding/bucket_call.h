// What every call that names its bucket by number begins with.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <thread>

#include "binding/bucket_handle.h"
#include "binding/environment.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/token_bucket.h"
#include "os/clock.h"

namespace amorsize::binding {

// The bucket's number, and the time in ms (NaN: read the clock).
template <size_t N>
struct BucketCall : Args<N> {
  BucketHandle* handle = nullptr;
  bool own_clock = false;

  BucketCall(napi_env env, napi_callback_info info) : Args<N>(env, info) {
    double number = -1;
    if (!this->ok || !read_double(env, this->values[0], &number)) number = -1;
    Environment* environment = Environment::of(env);
    if (environment != nullptr) handle = environment->buckets.find(number);
    if (handle == nullptr) throw_type(env, "bucket: no open bucket of this thread has that number");
  }

  // Reads argument `index` as a finite or infinite number; throws and returns false on anything else.
  bool number(napi_env env, size_t index, double* out) const {
    if (read_double(env, this->values[index], out) && !std::isnan(*out)) return true;
    throw_type(env, "bucket: a number was expected");
    return false;
  }

  // Reads argument `index` as a whole number of units, a place or a generation.
  bool whole(napi_env env, size_t index, int64_t* out) const {
    double value = 0;
    if (!number(env, index, &value)) return false;
    if (std::fabs(value) <= 0x1p53 && std::floor(value) == value) {
      *out = static_cast<int64_t>(value);
      return true;
    }
    throw_range(env, "bucket: a whole number was expected");
    return false;
  }

  bool tokens(napi_env env, size_t index, double* out) const {
    if (!number(env, index, out)) return false;
    if (*out > 0 && *out <= core::kMaxBurst) return true;
    throw_range(env, "bucket: tokens must be > 0 and at most 1e15");
    return false;
  }

  bool now_ns(napi_env env, size_t index, int64_t* out) {
    double ms = 0;
    if (!read_double(env, this->values[index], &ms)) {
      throw_type(env, "bucket: the time must be a number of ms, or NaN for the system's clock");
      return false;
    }
    own_clock = std::isnan(ms);
    *out = own_clock ? handle->clock.now_ns() : ns_from_ms(ms);
    return true;
  }
};

}  // namespace amorsize::binding
