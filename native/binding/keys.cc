// The addon is compiled for size; what every decision goes through, for speed.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include "binding/keys.h"

#include <cmath>
#include <iterator>
#include <memory>
#include <new>

namespace amorsize::binding {
namespace {

std::optional<uint64_t> hash_of_long_string(napi_env env, napi_value key, const core::HashSeed& seed) {
  size_t length = 0;
  if (napi_get_value_string_utf16(env, key, nullptr, 0, &length) != napi_ok || length > kMaxKeyUnits)
    return std::nullopt;
  const std::unique_ptr<char16_t[]> units(new (std::nothrow) char16_t[length + 1]);
  if (units == nullptr || napi_get_value_string_utf16(env, key, units.get(), length + 1, &length) != napi_ok)
    return std::nullopt;
  return core::hash_string(seed, units.get(), length);
}

std::optional<uint64_t> hash_of_bigint(napi_env env, napi_value key, const core::HashSeed& seed) {
  uint64_t words[kMaxKeyWords];
  size_t count = kMaxKeyWords;
  int sign = 0;
  if (napi_get_value_bigint_words(env, key, &sign, &count, words) != napi_ok || count > kMaxKeyWords)
    return std::nullopt;
  return core::hash_bigint(seed, sign != 0, words, count);
}

}  // namespace

std::optional<uint64_t> hash_of_key(napi_env env, napi_value key, const core::HashSeed& seed) {
  char16_t units[256];
  size_t length = 0;
  if (napi_get_value_string_utf16(env, key, units, std::size(units), &length) == napi_ok) [[likely]] {
    // A full buffer may hold only the beginning.
    return length < std::size(units) - 1 ? core::hash_string(seed, units, length) : hash_of_long_string(env, key, seed);
  }
  double number = 0;
  if (napi_get_value_double(env, key, &number) == napi_ok) {
    return std::isnan(number) ? std::nullopt : std::optional(core::hash_number(seed, number));
  }
  return hash_of_bigint(env, key, seed);
}

}  // namespace amorsize::binding
