// Runs the tests whose names contain the argument; all of them without one. `--effort N` makes the long ones N times
// longer, `--without NAME` leaves one out, `--until-failure` ends with the first that fails. The last line is
// `N passed, N failed`.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "check.h"

int main(int argc, char** argv) {
  using namespace amorsize::test;
  std::string wanted;
  std::vector<std::string> unwanted;
  bool is_until_failure = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--effort") == 0 && i + 1 < argc) {
      effort = std::atoll(argv[++i]);
    } else if (std::strcmp(argv[i], "--without") == 0 && i + 1 < argc) {
      unwanted.emplace_back(argv[++i]);
    } else if (std::strcmp(argv[i], "--until-failure") == 0) {
      is_until_failure = true;
    } else {
      wanted = argv[i];
    }
  }
  int passed = 0;
  int failed = 0;
  for (const Test& test : tests()) {
    if (test.name.find(wanted) == std::string::npos || std::ranges::find(unwanted, test.name) != unwanted.end())
      continue;
    failures = 0;
    const auto start = std::chrono::steady_clock::now();
    test.body();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    (failures == 0 ? passed : failed) += 1;
    std::cout << (failures == 0 ? "ok   " : "FAIL ") << test.name << " (" << took.count() << " ms)" << std::endl;
    if (is_until_failure && failed > 0) break;
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  // A name that matches nothing proves nothing.
  return failed == 0 && passed > 0 ? 0 : 1;
}
