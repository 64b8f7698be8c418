// Glue for the monotonic clock.
#include "binding/bindings.h"
#include "binding/environment.h"
#include "binding/napi_values.h"
#include "os/clock.h"

namespace amorsize::binding {
namespace {

// clockRead(): puts the time into clockCell: ms, the same scale in every thread and process. A number that is returned
// costs as much again.
napi_value read(napi_env env, napi_callback_info) {
  Environment* const environment = Environment::of(env);
  if (environment == nullptr) return throw_last(env, "the clock");
  *environment->time = static_cast<double>(environment->clock.now_ns()) / 1e6;
  return nullptr;
}

// A Float64Array for one number. On a SharedArrayBuffer, whose memory cannot be detached.
napi_value make_cell(napi_env env, double** memory) {
  napi_value global = nullptr;
  napi_value make_buffer = nullptr;
  napi_value make_view = nullptr;
  napi_value bytes = nullptr;
  napi_value buffer = nullptr;
  napi_value view = nullptr;
  void* data = nullptr;
  const bool made = napi_get_global(env, &global) == napi_ok &&
                    napi_get_named_property(env, global, "SharedArrayBuffer", &make_buffer) == napi_ok &&
                    napi_get_named_property(env, global, "Float64Array", &make_view) == napi_ok &&
                    napi_create_uint32(env, sizeof(double), &bytes) == napi_ok &&
                    napi_new_instance(env, make_buffer, 1, &bytes, &buffer) == napi_ok &&
                    napi_new_instance(env, make_view, 1, &buffer, &view) == napi_ok &&
                    napi_get_typedarray_info(env, view, nullptr, nullptr, &data, nullptr, nullptr) == napi_ok;
  *memory = static_cast<double*>(data);
  return made ? view : nullptr;
}

// clockSource(): 'counter' where the processor's counter is used, else 'kernel'
napi_value source(napi_env env, napi_callback_info) {
  napi_value text = nullptr;
  napi_create_string_utf8(env, os::counter_is_trustworthy() ? "counter" : "kernel", NAPI_AUTO_LENGTH, &text);
  return text;
}

}  // namespace

bool register_clock(napi_env env, napi_value exports) {
  Environment* const environment = Environment::of(env);
  napi_value cell = environment == nullptr ? nullptr : make_cell(env, &environment->time);
  return cell != nullptr && napi_create_reference(env, cell, 1, &environment->time_cell) == napi_ok &&
         napi_set_named_property(env, exports, "clockCell", cell) == napi_ok &&
         add_function(env, exports, "clockRead", read) && add_function(env, exports, "clockSource", source);
}

}  // namespace amorsize::binding
