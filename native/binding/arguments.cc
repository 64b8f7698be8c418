#include "binding/arguments.h"

#include <cmath>
#include <cstdio>

namespace amorsize::binding {
namespace {

// Writes what is demanded of a number, as an error's message says it.
void describe(const NumberRule& rule, char* text, size_t size) {
  constexpr const char* kExtras[] = {"", ", or NaN", "", ", or Infinity"};
  std::snprintf(text, size, "%s must be %s %s %.16g and <= %.16g%s", rule.name,
                rule.kind == NumberRule::kWhole ? "an integer" : "a number",
                rule.extra == NumberRule::kNotLeast ? ">" : ">=", rule.least, rule.most, kExtras[rule.extra]);
}

}  // namespace

double Reader::refuse(const char* demand, napi_status (*throw_error)(napi_env, const char*, const char*)) {
  if (!ok) return 0;
  ok = false;
  char message[250];
  std::snprintf(message, sizeof message, "%s: %s", subject_, demand);
  throw_error(env_, nullptr, message);
  return 0;
}

double Reader::number(size_t index, const NumberRule& rule) {
  double value = 0;
  if (ok && napi_get_value_double(env_, values_[index], &value) == napi_ok) [[likely]]
    return rule.allows(value) ? value : out_of_range(rule, value);
  char demand[150];
  describe(rule, demand, sizeof demand);
  return wrong_type(demand);
}

double Reader::out_of_range(const NumberRule& rule, double value) {
  char demand[150];
  describe(rule, demand, sizeof demand);
  // As JavaScript writes it.
  char shown[32] = "";
  napi_value text = nullptr;
  if (napi_create_double(env_, value, &text) == napi_ok && napi_coerce_to_string(env_, text, &text) == napi_ok)
    napi_get_value_string_utf8(env_, text, shown, sizeof shown, nullptr);
  char message[200];
  std::snprintf(message, sizeof message, "%s; received %s", demand, shown);
  return out_of_range(message);
}

bool Reader::boolean(size_t index, const char* demand) {
  bool value = false;
  if (!ok || napi_get_value_bool(env_, values_[index], &value) != napi_ok) wrong_type(demand);
  return value;
}

std::string Reader::name(size_t index) {
  constexpr const char* demand = "a name must be a string";
  std::string text;
  size_t length = 0;
  if (!ok || napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &length) != napi_ok) {
    wrong_type(demand);
    return text;
  }
  text.resize(length);
  if (napi_get_value_string_utf8(env_, values_[index], text.data(), length + 1, &length) != napi_ok) wrong_type(demand);
  return text;
}

core::HashSeed Reader::seed(size_t index) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool is_seed =
      ok && napi_get_typedarray_info(env_, values_[index], &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_biguint64_array && length == 2 && data != nullptr;
  if (!is_seed) {
    wrong_type("a seed must be a BigUint64Array of 2");
    return {};
  }
  const auto* words = static_cast<const uint64_t*>(data);
  return {words[0], words[1]};
}

double* Reader::doubles(size_t index, size_t count) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool fits =
      ok && napi_get_typedarray_info(env_, values_[index], &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_float64_array && length >= count && data != nullptr;
  if (!fits) wrong_type("a Float64Array was expected, long enough for what is told");
  return fits ? static_cast<double*>(data) : nullptr;
}

core::Word* Reader::cells(size_t index, size_t count) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  bool is_detachable = true;
  const bool fits =
      ok && napi_get_typedarray_info(env_, values_[index], &type, &length, &data, &buffer, nullptr) == napi_ok &&
      napi_is_arraybuffer(env_, buffer, &is_detachable) == napi_ok && !is_detachable && type == napi_bigint64_array &&
      length >= count * core::kWordsPerCell && data != nullptr &&
      reinterpret_cast<uintptr_t>(data) % core::kCellBytes == 0;
  if (!fits)
    wrong_type("cells must be a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes and as many as are needed");
  return fits ? static_cast<core::Word*>(data) : nullptr;
}

size_t Reader::cell_count(size_t index) {
  size_t length = 0;
  if (ok) napi_get_typedarray_info(env_, values_[index], nullptr, &length, nullptr, nullptr, nullptr);
  return length / core::kWordsPerCell;
}

}  // namespace amorsize::binding
