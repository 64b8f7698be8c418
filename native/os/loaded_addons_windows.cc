#define WIN32_LEAN_AND_MEAN
#include <windows.h>
// Functions of kernel32.dll, under names that need no psapi.dll.
#define PSAPI_VERSION 2
#include <psapi.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "os/loaded_addons.h"

namespace amorsize::os {

void each_loaded_addon(const char* symbol, const std::function<bool(void*)>& keeps) {
  std::vector<HMODULE> modules(64);
  DWORD bytes = 0;
  const auto room = [&] { return static_cast<DWORD>(modules.size() * sizeof(HMODULE)); };
  while (EnumProcessModules(GetCurrentProcess(), modules.data(), room(), &bytes) && bytes > room())
    modules.resize(bytes / sizeof(HMODULE));
  modules.resize(std::min(modules.size(), static_cast<size_t>(bytes / sizeof(HMODULE))));
  // The longest path there is; MAX_PATH would cut the end off, by which an addon is known.
  std::vector<wchar_t> path(32'768);
  for (const HMODULE module : modules) {
    const std::wstring_view name(path.data(), GetModuleFileNameW(module, path.data(), static_cast<DWORD>(path.size())));
    if (!name.ends_with(L".node")) continue;
    auto* const found = reinterpret_cast<void*>(GetProcAddress(module, symbol));
    HMODULE kept = nullptr;
    if (found != nullptr && keeps(found))
      GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                         reinterpret_cast<LPCWSTR>(found), &kept);
  }
}

}  // namespace amorsize::os
