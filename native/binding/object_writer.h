// Builds a plain object: one call a property, unknown values become null.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace amorsize::binding {

// A failed Node-API call leaves `ok()` false and the remaining calls harmless.
class ObjectWriter {
 public:
  explicit ObjectWriter(napi_env env) : env_(env) { ok_ = napi_create_object(env, &object_) == napi_ok; }

  bool ok() const { return ok_; }
  napi_value object() const { return object_; }

  void set(const char* name, napi_value value) {
    ok_ = ok_ && value != nullptr && napi_set_named_property(env_, object_, name, value) == napi_ok;
  }

  void number(const char* name, std::optional<double> value) {
    if (!value) return null(name);
    napi_value result = nullptr;
    ok_ = ok_ && napi_create_double(env_, *value, &result) == napi_ok;
    set(name, result);
  }

  // Exact up to 2^53; beyond, the nearest double.
  void integer(const char* name, std::optional<uint64_t> value) {
    number(name, value ? std::optional(static_cast<double>(*value)) : std::nullopt);
  }

  void boolean(const char* name, std::optional<bool> value) {
    if (!value) return null(name);
    napi_value result = nullptr;
    ok_ = ok_ && napi_get_boolean(env_, *value, &result) == napi_ok;
    set(name, result);
  }

  // Null for an empty text. Bytes that are no UTF-8 become replacement characters.
  void text(const char* name, std::string_view value) {
    if (value.empty()) return null(name);
    napi_value result = nullptr;
    ok_ = ok_ && napi_create_string_utf8(env_, value.data(), value.size(), &result) == napi_ok;
    set(name, result);
  }

  void null(const char* name) {
    napi_value result = nullptr;
    ok_ = ok_ && napi_get_null(env_, &result) == napi_ok;
    set(name, result);
  }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
  bool ok_ = false;
};

}  // namespace amorsize::binding
