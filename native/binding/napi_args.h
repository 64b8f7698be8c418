// How the binding reads arguments and reports errors: raw Node-API, no exceptions, no allocation. The only macros of
// the addon live here.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <string>

// Returns from a callback when a Node-API call fails; the pending exception, if there is one, is left for the caller.
#define AMORSIZE_NAPI_OR_RETURN(env, call)                                     \
  do {                                                                         \
    if ((call) != napi_ok) return ::amorsize::binding::throw_last(env, #call); \
  } while (false)

namespace amorsize::binding {

// Throws what Node-API says went wrong, unless an exception is pending already. Returns nullptr, to be returned.
inline napi_value throw_last(napi_env env, const char* what) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, "ERR_AMORSIZE_NATIVE", what);
  return nullptr;
}

inline napi_value throw_type(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

inline napi_value throw_range(napi_env env, const char* message) {
  napi_throw_range_error(env, nullptr, message);
  return nullptr;
}

// Reads exactly `N` arguments; missing ones are undefined.
template <size_t N>
struct Args {
  napi_value values[N];
  void* data = nullptr;
  bool ok = false;

  Args(napi_env env, napi_callback_info info) {
    size_t count = N;
    ok = napi_get_cb_info(env, info, &count, values, nullptr, &data) == napi_ok;
  }
};

// Reads a double; false (no exception) when `value` is no number. NaN and infinities pass: the caller checks ranges.
inline bool read_double(napi_env env, napi_value value, double* out) {
  return napi_get_value_double(env, value, out) == napi_ok;
}

// Reads a string as UTF-8; false (no exception) when `value` is none.
inline bool read_string(napi_env env, napi_value value, std::string* out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out->resize(length);
  return napi_get_value_string_utf8(env, value, out->data(), length + 1, &length) == napi_ok;
}

// The doubles of a Float64Array of at least `count`; throws and returns nullptr for anything else.
inline double* doubles_of(napi_env env, napi_value value, size_t count) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool ok = napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok &&
                  type == napi_float64_array && length >= count && data != nullptr;
  if (!ok) throw_type(env, "a Float64Array was expected, long enough for what is told");
  return ok ? static_cast<double*>(data) : nullptr;
}

inline napi_value make_double(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

inline napi_value make_bool(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

// Adds a function `name` to `object`. `data` reaches the callback.
inline bool add_function(napi_env env, napi_value object, const char* name, napi_callback callback,
                         void* data = nullptr) {
  napi_value function = nullptr;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function) == napi_ok &&
         napi_set_named_property(env, object, name, function) == napi_ok;
}

}  // namespace amorsize::binding
