// One registration function a subject; each adds its functions to `exports` and returns false with a pending exception
// when it cannot.
#pragma once

#include <node_api.h>

namespace amorsize::binding {

bool register_bucket(napi_env env, napi_value exports);
bool register_bucket_waiting(napi_env env, napi_value exports);
bool register_machine(napi_env env, napi_value exports);
bool register_machine_view(napi_env env, napi_value exports);
bool register_circuit_breaker(napi_env env, napi_value exports);
bool register_clock(napi_env env, napi_value exports);
bool register_retry_budget(napi_env env, napi_value exports);
bool register_doorbell(napi_env env, napi_value exports);
bool register_semaphore(napi_env env, napi_value exports);
bool register_keyed(napi_env env, napi_value exports);
bool register_keyed_waiting(napi_env env, napi_value exports);
bool register_system(napi_env env, napi_value exports);
bool register_window(napi_env env, napi_value exports);

}  // namespace amorsize::binding
