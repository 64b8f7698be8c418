// Glue for the monotonic clock.
#include "binding/bindings.h"
#include "binding/napi_args.h"

#include <time.h>

namespace amorsize::binding {
namespace {

napi_value now_ms(napi_env env, napi_callback_info) {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return make_double(env, static_cast<double>(ts.tv_sec) * 1e3 + static_cast<double>(ts.tv_nsec) / 1e6);
}

}  // namespace

bool register_clock(napi_env env, napi_value exports) { return add_function(env, exports, "clockNowMs", now_ms); }

}  // namespace amorsize::binding
