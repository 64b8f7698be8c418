// What the addon takes from the system and WebAssembly has not: the time comes from JavaScript, and names that threads
// or processes share, doorbells and detection stay with the addon. src/memory/wasm/ is the other side.
#include <node_api.h>

#include "binding/bindings.h"
#include "binding/doorbell.h"
#include "binding/named_cells.h"
#include "binding/napi_values.h"
#include "binding/process_host.h"
#include "os/clock.h"
#include "os/machine_names.h"
#include "os/process_identity.h"

extern "C" {
__attribute__((import_module("host"), import_name("nowMs"))) double amorsize_now_ms();
__attribute__((import_module("host"), import_name("threadId"))) int32_t amorsize_thread_id();
__attribute__((import_module("host"), import_name("isAlive"))) int32_t amorsize_is_alive(int32_t thread_id);
}

namespace amorsize::os {

int64_t monotonic_ns() { return static_cast<int64_t>(amorsize_now_ms() * 1e6); }
int64_t FastClock::synchronize() { return monotonic_ns(); }
bool counter_is_trustworthy() { return false; }

// A memory belongs to one process: its threads take the place of processes.
core::ProcessIdentity own_process() { return {amorsize_thread_id() + 1, 1}; }
bool is_alive(const core::ProcessIdentity& thread) {
  return amorsize_is_alive(static_cast<int32_t>(thread.process - 1)) != 0;
}

// Nobody asks: only what has a name has a row.
int64_t machine_row(const MachineMapping&) { __builtin_trap(); }
bool is_machine_row_gone(const MachineMapping&, int64_t) { __builtin_trap(); }

}  // namespace amorsize::os

namespace amorsize::binding {

NamedCells named_cells(napi_env env, const NameRequest&) {
  napi_throw_error(env, nullptr, "a name can be shared by the addon only");
  return {};
}
void NamedCells::release(napi_env) {}
napi_value refuse_damaged(napi_env, NamedCells&) { return nullptr; }

// Nobody looks for it: only a bucket with a name does.
const ProcessHost& process_host() { __builtin_trap(); }

void ring(uint32_t) {}
void ring_others(uint32_t) {}
bool is_doorbell_of(napi_env, uint32_t id) { return id == kNoDoorbell; }

bool register_clock(napi_env, napi_value) { return true; }
bool register_doorbell(napi_env, napi_value) { return true; }
bool register_machine(napi_env, napi_value) { return true; }
bool register_machine_view(napi_env, napi_value) { return true; }
bool register_system(napi_env, napi_value) { return true; }

}  // namespace amorsize::binding
