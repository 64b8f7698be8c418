// The addon's entry: each subject registers its functions on `exports`. Nothing else happens at load time, but that the
// first thread learns how long a pause takes.
#include "binding/bindings.h"
#include "binding/environment.h"
#include "core/backoff.h"
#include "os/clock.h"

// Two steps, so that the name is replaced by what it stands for before that is made a string.
#define AMORSIZE_STRING(text) #text
#define AMORSIZE_TEXT(name) AMORSIZE_STRING(name)

namespace {

bool set_text(napi_env env, napi_value object, const char* name, const char* text) {
  napi_value value = nullptr;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

}  // namespace

NAPI_MODULE_INIT() {
  using namespace amorsize::binding;
  [[maybe_unused]] static const bool is_calibrated = [] {
    amorsize::core::Backoff::calibrate(amorsize::os::monotonic_ns);
    return true;
  }();
  auto* environment = new Environment;
  const auto finalize = [](napi_env env, void* data, void*) {
    auto* const ended = static_cast<Environment*>(data);
    ended->time.let_go(env);
    ended->tokens.let_go(env);
    ended->release();
  };
  if (napi_set_instance_data(env, environment, finalize, nullptr) != napi_ok) {
    environment->release();
    return nullptr;
  }
  constexpr bool (*kSubjects[])(napi_env, napi_value) = {
      register_bucket,       register_bucket_waiting, register_circuit_breaker, register_clock,
      register_doorbell,     register_keyed,          register_keyed_waiting,   register_machine,
      register_machine_view, register_retry_budget,   register_semaphore,       register_system,
      register_window};
  for (const auto subject : kSubjects) {
    if (!subject(env, exports)) return nullptr;
  }
  // The loader takes no addon of another version, nor of other sources.
  const bool is_named = set_text(env, exports, "version", AMORSIZE_TEXT(AMORSIZE_VERSION)) &&
                        set_text(env, exports, "stamp", AMORSIZE_TEXT(AMORSIZE_STAMP));
  return is_named ? exports : nullptr;
}
