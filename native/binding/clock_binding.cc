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
  *environment->time.number = static_cast<double>(environment->clock.now_ns()) / 1e6;
  return nullptr;
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
  return environment != nullptr && environment->time.add_to(env, exports, "clockCell") &&
         add_function(env, exports, "clockRead", read) && add_function(env, exports, "clockSource", source);
}

}  // namespace amorsize::binding
