// How the binding makes values and functions and reports errors: raw Node-API, no exceptions, no allocation.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

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

inline bool add_function(napi_env env, napi_value object, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok &&
         napi_set_named_property(env, object, name, function) == napi_ok;
}

struct NamedFunction {
  const char* name;
  napi_callback callback;
};

template <size_t N>
bool add_functions(napi_env env, napi_value object, const NamedFunction (&functions)[N]) {
  for (const NamedFunction& function : functions) {
    if (!add_function(env, object, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
