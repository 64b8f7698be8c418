#include <dlfcn.h>

#include <cstdint>
#include <string>
#include <vector>

#include "os/loaded_addons.h"
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif

namespace amorsize::os {
namespace {

std::vector<std::string> loaded_addons() {
  std::vector<std::string> paths;
  const auto add = [&paths](const char* path) {
    const std::string name = path == nullptr ? "" : path;
    if (name.size() > 5 && name.compare(name.size() - 5, 5, ".node") == 0) paths.push_back(name);
  };
#if defined(__APPLE__)
  for (uint32_t i = 0; i < _dyld_image_count(); ++i) add(_dyld_get_image_name(i));
#else
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        (*static_cast<decltype(add)*>(data))(info->dlpi_name);
        return 0;
      },
      const_cast<void*>(static_cast<const void*>(&add)));
#endif
  return paths;
}

}  // namespace

void each_loaded_addon(const char* symbol, const std::function<bool(void*)>& keeps) {
  // Not by libuv: other programs than Node that load addons have no uv_dlopen.
  for (const std::string& path : loaded_addons()) {
    void* const library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    void* const found = dlsym(library, symbol);
    if (found == nullptr || !keeps(found)) dlclose(library);
  }
}

}  // namespace amorsize::os
