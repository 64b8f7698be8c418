// A process-wide table of libuv's async handles, one for each time that the package's JavaScript was evaluated: a test
// runner does that again and again in one environment, which has one addon. A handle is closed when its callback is
// collected, or in an asynchronous clean-up hook of the environment: libuv aborts the process if a loop ends with a
// handle that is open.
#include "binding/doorbell.h"

#include <node_api.h>
#include <uv.h>

#include <map>
#include <mutex>
#include <new>

#include "binding/arguments.h"
#include "binding/bindings.h"
#include "binding/napi_values.h"
#include "binding/process_host.h"

namespace amorsize::binding {

struct Doorbell {
  uv_async_t async;
  napi_env env;
  napi_ref callback = nullptr;  // weak, but while somebody waits for a ring: nobody else may know of him
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  uint32_t id = kNoDoorbell;
  bool held = false;
  bool closing = false;
  int owners = 2;  // libuv, and the callback's finalizer

  void release() {
    if (--owners == 0) delete this;
  }
};

namespace {

constexpr const char* kSubject = "doorbell";

// The doorbells of this copy of the addon: those of all copies are rung through the process's host.
struct Table {
  std::mutex mutex;
  std::map<uint32_t, Doorbell*> doorbells;
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
  napi_value returned = nullptr;  // Deno writes it, asked for or not
  const bool ready = napi_get_reference_value(env, doorbell->callback, &callback) == napi_ok && callback != nullptr &&
                     napi_get_global(env, &global) == napi_ok;
  // A thread that is being terminated runs no JavaScript any more; then this fails, and nobody is there to mind.
  if (ready &&
      napi_make_callback(env, doorbell->context, global, callback, 0, nullptr, &returned) == napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

// Once it is out of the table no thread has its address, so it may be closed.
void close(Doorbell* doorbell) {
  if (doorbell->closing) return;
  doorbell->closing = true;
  if (doorbell->id != kNoDoorbell) process_host().remove_bell(doorbell->id);
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    all.doorbells.erase(doorbell->id);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&doorbell->async), [](uv_handle_t* handle) {
    auto* closed = static_cast<Doorbell*>(handle->data);
    // Not before: an environment that ends waits for its hooks.
    if (closed->hook != nullptr) napi_remove_async_cleanup_hook(closed->hook);
    closed->release();
  });
}

void close_with_environment(napi_async_cleanup_hook_handle, void* data) { close(static_cast<Doorbell*>(data)); }

void close_with_callback(napi_env env, void* data, void*) {
  auto* doorbell = static_cast<Doorbell*>(data);
  close(doorbell);
  napi_delete_reference(env, doorbell->callback);
  napi_async_destroy(env, doorbell->context);
  doorbell->release();
}

// doorbellOpen(callback, resource): id. The handle keeps neither the callback nor the thread alive. `resource` is what
// async_hooks shows of it.
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info, kSubject);
  napi_valuetype type = napi_undefined;
  if (!args.ok || napi_typeof(env, args.values[0], &type) != napi_ok || type != napi_function)
    args.wrong_type("a function was expected");
  else if (napi_typeof(env, args.values[1], &type) != napi_ok || type != napi_object)
    args.wrong_type("an object was expected");
  if (!args.ok) return nullptr;
  uv_loop_t* loop = nullptr;
  napi_value name = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_get_uv_event_loop(env, &loop));
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_string_utf8(env, "amorsize", NAPI_AUTO_LENGTH, &name));

  auto* doorbell = new Doorbell;
  doorbell->env = env;
  doorbell->async.data = doorbell;
  if (napi_create_reference(env, args.values[0], 0, &doorbell->callback) != napi_ok ||
      napi_async_init(env, args.values[1], name, &doorbell->context) != napi_ok ||
      uv_async_init(loop, &doorbell->async, answer) != 0) {
    delete doorbell;
    return throw_last(env, "the thread's doorbell");
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&doorbell->async));
  if (napi_add_finalizer(env, args.values[0], doorbell, close_with_callback, nullptr, nullptr) != napi_ok) {
    doorbell->release();
    close(doorbell);
    return throw_last(env, "the doorbell's finalizer");
  }
  if (napi_add_async_cleanup_hook(env, close_with_environment, doorbell, &doorbell->hook) != napi_ok) {
    close(doorbell);
    return throw_last(env, "the doorbell's clean-up hook");
  }
  doorbell->id = process_host().add_bell(&doorbell->async);
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    all.doorbells.emplace(doorbell->id, doorbell);
  }
  return make_double(env, doorbell->id);
}

Doorbell* find_own(napi_env env, uint32_t id) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  const auto found = all.doorbells.find(id);
  return found != all.doorbells.end() && found->second->env == env ? found->second : nullptr;
}

// doorbellHold(id, on): whether a thread that has nothing else to do waits for a ring.
napi_value hold(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info, kSubject);
  const auto id = static_cast<uint32_t>(args.whole(0, rules::kDoorbell));
  const bool on = args.boolean(1);
  if (!args.ok) return nullptr;
  Doorbell* doorbell = find_own(env, id);
  if (doorbell == nullptr) return throw_type(env, "doorbell: this thread has none of that number");
  if (doorbell->held == on) return nullptr;
  auto* handle = reinterpret_cast<uv_handle_t*>(&doorbell->async);
  uint32_t references = 0;
  if (on) {
    AMORSIZE_NAPI_OR_RETURN(env, napi_reference_ref(env, doorbell->callback, &references));
    uv_ref(handle);
  } else {
    AMORSIZE_NAPI_OR_RETURN(env, napi_reference_unref(env, doorbell->callback, &references));
    uv_unref(handle);
  }
  doorbell->held = on;
  return nullptr;
}

// doorbellRing(id), doorbellRingOthers(id)
template <void (*kRing)(uint32_t)>
napi_value ring_from_script(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, kSubject);
  const auto id = static_cast<uint32_t>(args.whole(0, rules::kDoorbell));
  if (args.ok) kRing(id);
  return nullptr;
}

}  // namespace

void ring(uint32_t id) { process_host().ring(id); }

void ring_others(uint32_t id) { process_host().ring_others(id); }

bool is_doorbell_of(napi_env env, uint32_t id) { return find_own(env, id) != nullptr; }

bool register_doorbell(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"doorbellOpen", open},
      {"doorbellHold", hold},
      {"doorbellRing", ring_from_script<ring>},
      {"doorbellRingOthers", ring_from_script<ring_others>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
