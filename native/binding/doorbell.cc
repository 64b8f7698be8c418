// A process-wide table of libuv's async handles, one an environment. An environment closes its own in an asynchronous
// clean-up hook: libuv aborts the process if a loop ends with a handle that is open.
#include "binding/doorbell.h"

#include <node_api.h>
#include <uv.h>

#include <map>
#include <mutex>
#include <new>

#include "binding/bindings.h"
#include "binding/environment.h"
#include "binding/napi_args.h"

namespace amorsize::binding {

struct Doorbell {
  uv_async_t async;
  napi_env env;
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  uint32_t id = kNoDoorbell;
};

namespace {

struct Table {
  std::mutex mutex;
  std::map<uint32_t, Doorbell*> doorbells;
  uint32_t last_id = kNoDoorbell;
};

// Never destroyed: threads may still ring while the process runs its exit handlers.
Table& table() {
  static Table* const instance = new Table;
  return *instance;
}

// Runs in the doorbell's own thread.
void answer(uv_async_t* async) {
  const auto* doorbell = static_cast<Doorbell*>(async->data);
  const napi_env env = doorbell->env;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value global = nullptr;
  const bool ready = napi_get_reference_value(env, doorbell->callback, &callback) == napi_ok && callback != nullptr &&
                     napi_get_global(env, &global) == napi_ok;
  // A thread that is being terminated runs no JavaScript any more; then this fails, and nobody is there to mind.
  if (ready &&
      napi_make_callback(env, doorbell->context, global, callback, 0, nullptr, nullptr) == napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

// Once it is out of the table no thread has its address, so it may be closed.
void close(napi_async_cleanup_hook_handle, void* data) {
  auto* doorbell = static_cast<Doorbell*>(data);
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    all.doorbells.erase(doorbell->id);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&doorbell->async), [](uv_handle_t* handle) {
    auto* closed = static_cast<Doorbell*>(handle->data);
    napi_remove_async_cleanup_hook(closed->hook);
    delete closed;
  });
}

// doorbellOpen(callback): id. Once for each environment; the handle does not keep it alive.
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  Environment* environment = Environment::of(env);
  napi_valuetype type = napi_undefined;
  if (!args.ok || environment == nullptr || napi_typeof(env, args.values[0], &type) != napi_ok ||
      type != napi_function) {
    return throw_type(env, "doorbell: a function was expected");
  }
  if (environment->doorbell != nullptr) return throw_type(env, "doorbell: this thread has one already");
  uv_loop_t* loop = nullptr;
  napi_value name = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_get_uv_event_loop(env, &loop));
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_string_utf8(env, "amorsize", NAPI_AUTO_LENGTH, &name));

  auto* doorbell = new Doorbell;
  doorbell->env = env;
  doorbell->async.data = doorbell;
  const bool prepared = napi_create_reference(env, args.values[0], 1, &doorbell->callback) == napi_ok &&
                        napi_async_init(env, nullptr, name, &doorbell->context) == napi_ok &&
                        uv_async_init(loop, &doorbell->async, answer) == 0;
  if (!prepared) {
    delete doorbell;
    return throw_last(env, "the thread's doorbell");
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&doorbell->async));
  if (napi_add_async_cleanup_hook(env, close, doorbell, &doorbell->hook) != napi_ok) {
    uv_close(reinterpret_cast<uv_handle_t*>(&doorbell->async),
             [](uv_handle_t* handle) { delete static_cast<Doorbell*>(handle->data); });
    return throw_last(env, "the doorbell's clean-up hook");
  }
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    do ++all.last_id;
    while (all.last_id == kNoDoorbell || all.doorbells.count(all.last_id) > 0);
    doorbell->id = all.last_id;
    all.doorbells.emplace(doorbell->id, doorbell);
  }
  environment->doorbell = doorbell;
  return make_double(env, doorbell->id);
}

// doorbellHold(on): whether a thread that has nothing else to do waits for a ring.
napi_value hold(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  const Environment* environment = Environment::of(env);
  bool on = false;
  if (!args.ok || napi_get_value_bool(env, args.values[0], &on) != napi_ok)
    return throw_type(env, "doorbell: a boolean was expected");
  if (environment == nullptr || environment->doorbell == nullptr)
    return throw_type(env, "doorbell: this thread has none");
  auto* handle = reinterpret_cast<uv_handle_t*>(&environment->doorbell->async);
  if (on) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
  return nullptr;
}

// doorbellRing(id), doorbellRingOthers(id)
template <void (*kRing)(uint32_t)>
napi_value ring_from_script(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  uint32_t id = kNoDoorbell;
  if (!args.ok || napi_get_value_uint32(env, args.values[0], &id) != napi_ok)
    return throw_type(env, "doorbell: a number was expected");
  kRing(id);
  return nullptr;
}

}  // namespace

void ring(uint32_t id) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  const auto found = all.doorbells.find(id);
  if (found != all.doorbells.end()) uv_async_send(&found->second->async);
}

void ring_others(uint32_t id) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  for (const auto& [other, doorbell] : all.doorbells) {
    if (other != id) uv_async_send(&doorbell->async);
  }
}

uint32_t doorbell_of(const Environment& environment) {
  return environment.doorbell == nullptr ? kNoDoorbell : environment.doorbell->id;
}

bool register_doorbell(napi_env env, napi_value exports) {
  return add_function(env, exports, "doorbellOpen", open) && add_function(env, exports, "doorbellHold", hold) &&
         add_function(env, exports, "doorbellRing", ring_from_script<ring>) &&
         add_function(env, exports, "doorbellRingOthers", ring_from_script<ring_others>);
}

}  // namespace amorsize::binding
