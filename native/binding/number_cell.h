// A number that JavaScript and the addon share within a thread: read and written where an argument, or a number that is
// returned, would cost as much as the call.
#pragma once

#include <node_api.h>

#if defined(__wasm__)
// A Float64Array with the number at this address.
extern "C" __attribute__((import_module("host"), import_name("numberAt"))) napi_value amorsize_number_at(
    double* number);
#endif

namespace amorsize::binding {

struct NumberCell {
  double* number = nullptr;
  napi_ref view = nullptr;  // keeps the memory

  // Adds a Float64Array with the number to `object`. On a SharedArrayBuffer, whose memory cannot be detached.
  bool add_to(napi_env env, napi_value object, const char* name) {
#if defined(__wasm__)
    number = new double(0);
    return napi_set_named_property(env, object, name, amorsize_number_at(number)) == napi_ok;
#else
    napi_value global = nullptr;
    napi_value make_buffer = nullptr;
    napi_value make_view = nullptr;
    napi_value bytes = nullptr;
    napi_value buffer = nullptr;
    napi_value array = nullptr;
    void* memory = nullptr;
    const bool is_made = napi_get_global(env, &global) == napi_ok &&
                         napi_get_named_property(env, global, "SharedArrayBuffer", &make_buffer) == napi_ok &&
                         napi_get_named_property(env, global, "Float64Array", &make_view) == napi_ok &&
                         napi_create_uint32(env, sizeof(double), &bytes) == napi_ok &&
                         napi_new_instance(env, make_buffer, 1, &bytes, &buffer) == napi_ok &&
                         napi_new_instance(env, make_view, 1, &buffer, &array) == napi_ok &&
                         napi_get_typedarray_info(env, array, nullptr, nullptr, &memory, nullptr, nullptr) == napi_ok;
    number = static_cast<double*>(memory);
    return is_made && napi_create_reference(env, array, 1, &view) == napi_ok &&
           napi_set_named_property(env, object, name, array) == napi_ok;
#endif
  }

  void let_go(napi_env env) {
    if (view != nullptr) napi_delete_reference(env, view);
  }
};

}  // namespace amorsize::binding
