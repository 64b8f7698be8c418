// Builds a plain object: one call a property, unknown values become null.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace amorsize::binding {

// Set-up code, so it is written with node-addon-api; decisions are raw Node-API. A failed call leaves an exception
// pending, which makes the remaining calls harmless.
class ObjectWriter {
 public:
  explicit ObjectWriter(Napi::Env env) : env_(env), object_(Napi::Object::New(env)) {}

  bool ok() const { return !env_.IsExceptionPending(); }
  Napi::Value object() const { return object_; }

  void set(const char* name, Napi::Value value) {
    if (ok() && !value.IsEmpty()) object_.Set(name, value);
  }

  void number(const char* name, std::optional<double> value) {
    set(name, value ? Napi::Number::New(env_, *value) : env_.Null());
  }

  // Exact up to 2^53; beyond, the nearest double.
  void integer(const char* name, std::optional<uint64_t> value) {
    number(name, value ? std::optional(static_cast<double>(*value)) : std::nullopt);
  }

  void boolean(const char* name, std::optional<bool> value) {
    set(name, value ? Napi::Boolean::New(env_, *value) : env_.Null());
  }

  // Null for an empty text. Bytes that are no UTF-8 become replacement characters.
  void text(const char* name, std::string_view value) {
    set(name, value.empty() ? env_.Null() : Napi::String::New(env_, value.data(), value.size()));
  }

 private:
  Napi::Env env_;
  Napi::Object object_;
};

}  // namespace amorsize::binding
