#include "binding/process_host.h"

#include <uv.h>

#include <map>
#include <mutex>
#include <string>

#include "os/loaded_addons.h"
#include "os/process_names.h"

namespace amorsize::binding {
namespace {

constexpr int64_t kInterfaceVersion = 1;
constexpr const char* kSymbol = "amorsize_process_host";

struct Bells {
  std::mutex mutex;
  std::map<uint32_t, uv_async_t*> handles;
  uint32_t last_id = 0;
};

// Never destroyed: threads may still ring while the process runs its exit handlers.
Bells& bells() {
  static Bells* const instance = new Bells;
  return *instance;
}

core::Word* cells(int64_t kind, const char* name, size_t name_bytes, size_t count,
                  void (*initialize)(core::Word*, void*), void* data) {
  return os::find_or_create_cells(static_cast<core::Kind>(kind), std::string(name, name_bytes), count,
                                  [&](core::Word* words) { initialize(words, data); });
}

uint32_t add_bell(uv_async_t* handle) {
  Bells& all = bells();
  const std::lock_guard lock(all.mutex);
  do ++all.last_id;
  while (all.last_id == 0 || all.handles.count(all.last_id) > 0);
  all.handles.emplace(all.last_id, handle);
  return all.last_id;
}

void remove_bell(uint32_t id) {
  Bells& all = bells();
  const std::lock_guard lock(all.mutex);
  all.handles.erase(id);
}

void ring(uint32_t id) {
  Bells& all = bells();
  const std::lock_guard lock(all.mutex);
  const auto found = all.handles.find(id);
  if (found != all.handles.end()) uv_async_send(found->second);
}

void ring_others(uint32_t id) {
  Bells& all = bells();
  const std::lock_guard lock(all.mutex);
  for (const auto& [other, handle] : all.handles) {
    if (other != id) uv_async_send(handle);
  }
}

constexpr ProcessHost kOwnHost{kInterfaceVersion, core::kLayoutVersion, cells, add_bell, remove_bell, ring,
                               ring_others};

struct Found {
  const ProcessHost* host = &kOwnHost;
  int64_t other_layout = 0;
};

Found look_for_hosts() {
  Found found;
  bool has_host = false;
  // This copy is among them. None where the system does not tell: then every copy is by itself.
  os::each_loaded_addon(kSymbol, [&](void* symbol) {
    const ProcessHost* const host = reinterpret_cast<const ProcessHost* (*)()>(symbol)();
    const bool is_same = host->interface_version == kInterfaceVersion && host->layout_version == core::kLayoutVersion;
    if (!is_same) found.other_layout = host->layout_version;
    if (!is_same || has_host) return false;
    has_host = true;
    found.host = host;
    // Kept, so that the host is not unloaded with its last thread.
    return true;
  });
  return found;
}

}  // namespace

const ProcessHost& process_host() {
  static const ProcessHost* const host = look_for_hosts().host;
  return *host;
}

int64_t other_layout() { return look_for_hosts().other_layout; }

}  // namespace amorsize::binding

#if defined(_WIN32)
#define AMORSIZE_EXPORT __declspec(dllexport)
#else
#define AMORSIZE_EXPORT __attribute__((visibility("default"), used))
#endif

// What other copies look for, by this name.
extern "C" AMORSIZE_EXPORT const amorsize::binding::ProcessHost* amorsize_process_host();
const amorsize::binding::ProcessHost* amorsize_process_host() { return &amorsize::binding::kOwnHost; }
