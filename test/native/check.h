// The smallest test harness that serves: TEST registers a named test, CHECK and EXPECT_EQ count a failure and go on.
#pragma once

#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace amorsize::test {

struct Test {
  std::string name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

// Failures of the test that runs now, and how much longer than usual it should run.
inline int failures = 0;
inline int64_t effort = 1;

inline void fail(const char* file, int line, const std::string& message) {
  // A test that fails in a loop need not print every turn.
  if (++failures <= 10) std::cout << file << ':' << line << ": " << message << std::endl;
}

inline std::string text_of(bool value) { return value ? "true" : "false"; }

template <class T>
std::string text_of(const T& value) {
  std::ostringstream out;
  out.precision(17);
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<int64_t>(value);
  } else {
    out << value;
  }
  return out.str();
}

template <class A, class B>
bool equal(const A& actual, const B& expected) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && !std::is_same_v<A, bool>) {
    return std::cmp_equal(actual, expected);
  } else {
    return actual == expected;
  }
}

// Not inline: each test has many, and most of what it takes to compile it is what a failure says.
[[gnu::noinline]] inline void fail_check(const char* file, int line, const char* condition) {
  fail(file, line, std::string("not so: ") + condition);
}
template <class A, class B>
[[gnu::noinline]] void expect_equal(const char* file, int line, const char* what, const A& actual, const B& expected) {
  if (!equal(actual, expected))
    fail(file, line, std::string(what) + " is " + text_of(actual) + ", not " + text_of(expected));
}

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

}  // namespace amorsize::test

#define AMORSIZE_JOIN_(a, b) a##b
#define AMORSIZE_JOIN(a, b) AMORSIZE_JOIN_(a, b)
#define TEST(name)                                                                     \
  static void AMORSIZE_JOIN(test_at_, __LINE__)();                                     \
  static const ::amorsize::test::Registration AMORSIZE_JOIN(registered_at_, __LINE__)( \
      name, AMORSIZE_JOIN(test_at_, __LINE__));                                        \
  static void AMORSIZE_JOIN(test_at_, __LINE__)()

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) ::amorsize::test::fail_check(__FILE__, __LINE__, #condition); \
  } while (false)

// `actual` comes first, also where it changes what is expected.
#define EXPECT_EQ(actual, expected)                                                   \
  do {                                                                                \
    const auto& actual_ = (actual);                                                   \
    ::amorsize::test::expect_equal(__FILE__, __LINE__, #actual, actual_, (expected)); \
  } while (false)
