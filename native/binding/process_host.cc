#include "binding/process_host.h"

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "os/process_names.h"
#if defined(__linux__)
#include <link.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

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

// The addons of this process in the order in which they were loaded. None where that cannot be asked: then every copy
// is by itself.
std::vector<std::string> loaded_addons() {
  std::vector<std::string> paths;
  const auto add = [&paths](const char* path) {
    const std::string name = path == nullptr ? "" : path;
    if (name.size() > 5 && name.compare(name.size() - 5, 5, ".node") == 0) paths.push_back(name);
  };
#if defined(__linux__)
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        (*static_cast<decltype(add)*>(data))(info->dlpi_name);
        return 0;
      },
      const_cast<void*>(static_cast<const void*>(&add)));
#elif defined(__APPLE__)
  for (uint32_t i = 0; i < _dyld_image_count(); ++i) add(_dyld_get_image_name(i));
#else
  (void)add;
#endif
  return paths;
}

struct Found {
  const ProcessHost* host = &kOwnHost;
  int64_t other_layout = 0;
};

Found look_for_hosts() {
  Found found;
  bool has_host = false;
  for (const std::string& path : loaded_addons()) {
    // It is loaded already: this only adds a share, which keeps the host from being unloaded with its last thread.
    auto* const library = new uv_lib_t{};
    void* symbol = nullptr;
    const bool is_copy =
        uv_dlopen(path.c_str(), library) == 0 && uv_dlsym(library, kSymbol, &symbol) == 0 && symbol != nullptr;
    const ProcessHost* const host = is_copy ? reinterpret_cast<const ProcessHost* (*)()>(symbol)() : nullptr;
    const bool is_same =
        host != nullptr && host->interface_version == kInterfaceVersion && host->layout_version == core::kLayoutVersion;
    if (host != nullptr && !is_same) found.other_layout = host->layout_version;
    if (is_same && !has_host) {
      has_host = true;
      found.host = host;
    } else {
      uv_dlclose(library);
      delete library;
    }
  }
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
