// Glue for the monotonic clock.
#include "binding/bindings.h"
#include "binding/napi_values.h"
#include "os/clock.h"

namespace amorsize::binding {
namespace {

// clockNowMs(): ms, the same scale in every thread and process
napi_value now_ms(napi_env env, napi_callback_info) {
  thread_local os::FastClock clock;
  return make_double(env, static_cast<double>(clock.now_ns()) / 1e6);
}

// clockSource(): 'counter' where the processor's counter is used, else 'kernel'
napi_value source(napi_env env, napi_callback_info) {
  napi_value text = nullptr;
  napi_create_string_utf8(env, os::counter_is_trustworthy() ? "counter" : "kernel", NAPI_AUTO_LENGTH, &text);
  return text;
}

}  // namespace

bool register_clock(napi_env env, napi_value exports) {
  return add_function(env, exports, "clockNowMs", now_ms) && add_function(env, exports, "clockSource", source);
}

}  // namespace amorsize::binding
