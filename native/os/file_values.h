// Values that the kernel prints one a file. Empty where there is no such file, or it holds something else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "os/cpu_set.h"
#include "os/file_tree.h"
#include "os/text.h"

namespace amorsize::os {

inline std::optional<uint64_t> read_unsigned(const FileTree& tree, std::string_view path) {
  std::string text;
  return tree.read_value(path, &text) ? parse_unsigned(trim(text)) : std::nullopt;
}

inline std::optional<uint64_t> read_limit(const FileTree& tree, std::string_view path) {
  std::string text;
  return tree.read_value(path, &text) ? parse_limit(text) : std::nullopt;
}

inline std::optional<CpuSet> read_cpu_list(const FileTree& tree, std::string_view path) {
  std::string text;
  return tree.read_value(path, &text) ? parse_cpu_list(text) : std::nullopt;
}

}  // namespace amorsize::os
