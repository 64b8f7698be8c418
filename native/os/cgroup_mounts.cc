#include "os/cgroup_mounts.h"

#include <utility>

#include "os/text.h"

namespace amorsize::os {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// Undoes the kernel's escapes of blanks and backslashes: a backslash and three octal digits.
std::string unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text.size() - i > 3 && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      result.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

CgroupVersion version_of(std::string_view file_system) {
  if (file_system == "cgroup2") return CgroupVersion::v2;
  if (file_system == "cgroup") return CgroupVersion::v1;
  return CgroupVersion::none;
}

}  // namespace

void CgroupMounts::add(std::string_view line) {
  // The fields before it hold no blanks, so the first separator is the true one, whatever the options contain.
  const size_t separator = line.find(" - ");
  if (separator == std::string_view::npos) return;
  std::string_view head = line.substr(0, separator);
  std::string_view tail = line.substr(separator + 3);

  for (int skipped = 0; skipped < 3; ++skipped) take_word(&head);  // mount id, parent id, device
  const std::string_view root = take_word(&head);
  const std::string_view point_text = take_word(&head);
  if (root.empty() || root.front() != '/' || point_text.empty() || point_text.front() != '/') return;

  std::string point = unescape(point_text);
  if (point == "/") point.clear();
  if (const auto hidden = at_point_.find(point); hidden != at_point_.end()) {
    mounts_[hidden->second].version = CgroupVersion::none;
    at_point_.erase(hidden);
  }
  const CgroupVersion version = version_of(take_word(&tail));
  if (version == CgroupVersion::none) return;
  // The source before the options may be empty, so the options are found from the end.
  const size_t last_blank = tail.find_last_of(' ');
  const std::string_view options = last_blank == std::string_view::npos ? tail : tail.substr(last_blank + 1);
  at_point_.emplace(point, mounts_.size());
  mounts_.push_back({version, unescape(root), std::move(point), std::string(options)});
}

std::vector<CgroupMount> CgroupMounts::visible() const {
  std::vector<CgroupMount> mounts;
  for (const CgroupMount& mount : mounts_) {
    if (mount.version != CgroupVersion::none) mounts.push_back(mount);
  }
  return mounts;
}

}  // namespace amorsize::os
