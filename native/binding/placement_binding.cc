// Glue for the placement of threads. Where the system has no such calls, nothing is registered.
#include "binding/arguments.h"
#include "binding/bindings.h"
#include "binding/napi_values.h"

#if defined(__linux__)
#include "os/thread_placement.h"
#endif

namespace amorsize::binding {

#if defined(__linux__)
namespace {

// What a thread has barred another from, until it calls letBack.
struct KeptAway {
  int32_t thread = 0;
  os::Affinity before;
};
// A pointer: of the room for a thread's own variables that glibc has for all libraries that are loaded late, the set of
// CPUs would take most, and a second copy of the addon would find none.
thread_local KeptAway* kept_away = nullptr;

void let_back() {
  if (kept_away == nullptr) return;
  os::restore_affinity(kept_away->thread, kept_away->before);
  delete kept_away;
  kept_away = nullptr;
}

// threadNumber(): the kernel's number of this thread
napi_value thread_number(napi_env env, napi_callback_info) { return make_double(env, os::this_thread()); }

// cpuNumber(): the CPU this thread runs on, -1 when it cannot be known
napi_value cpu_number(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_int32(env, os::this_cpu(), &result);
  return result;
}

// keepAway(thread): bars a thread of this process from the CPU of this one; whether it has
napi_value keep_away(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, "placement");
  const auto thread = static_cast<int32_t>(args.whole(0, rules::kThread));
  if (!args.ok) return nullptr;
  let_back();
  auto* const barred = new KeptAway{thread, {}};
  const bool is_kept = os::keep_off_this_cpu(thread, &barred->before);
  if (is_kept)
    kept_away = barred;
  else
    delete barred;
  return make_bool(env, is_kept);
}

// letBack(): ends what keepAway began
napi_value end_keep_away(napi_env, napi_callback_info) {
  let_back();
  return nullptr;
}

}  // namespace

bool register_placement(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"threadNumber", thread_number},
      {"cpuNumber", cpu_number},
      {"keepAway", keep_away},
      {"letBack", end_keep_away},
  };
  return add_functions(env, exports, kFunctions);
}

#else

bool register_placement(napi_env, napi_value) { return true; }

#endif

}  // namespace amorsize::binding
