#include "memory_file_tree.h"

#include <set>

#include "os/text.h"

MemoryFiles& memory_files() {
  static MemoryFiles files;
  return files;
}

namespace amorsize::os {

std::string FileTree::full(std::string_view path) const { return root_ + std::string(path); }

bool FileTree::read_up_to(std::string_view path, size_t limit, Until until, std::string* out) const {
  out->clear();
  const auto file = memory_files().find(full(path));
  if (file == memory_files().end() || (until != Until::limit && file->second.size() > limit)) return false;
  *out = file->second.substr(0, limit);
  return true;
}

bool FileTree::read_lines(std::string_view path, const std::function<void(std::string_view)>& take) const {
  const auto file = memory_files().find(full(path));
  if (file == memory_files().end()) return false;
  std::string_view rest = file->second;
  while (!rest.empty()) take(take_line(&rest));
  return true;
}

Presence FileTree::probe(std::string_view path) const {
  const std::string wanted = full(path);
  const auto first = memory_files().lower_bound(wanted);
  if (first == memory_files().end()) return Presence::absent;
  const bool is_file = first->first == wanted;
  const bool is_directory = memory_files().lower_bound(wanted + "/") != memory_files().lower_bound(wanted + "0");
  return is_file || is_directory ? Presence::present : Presence::absent;
}

std::vector<std::string> FileTree::directories(std::string_view path, size_t limit) const {
  const std::string prefix = full(path) + "/";
  std::set<std::string> names;
  for (const auto& [file, content] : memory_files()) {
    if (file.compare(0, prefix.size(), prefix) != 0) continue;
    const size_t end = file.find('/', prefix.size());
    if (end != std::string::npos) names.insert(file.substr(prefix.size(), end - prefix.size()));
  }
  std::vector<std::string> result(names.begin(), names.end());
  if (result.size() > limit) result.resize(limit);
  return result;
}

}  // namespace amorsize::os
