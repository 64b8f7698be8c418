// The arguments of a call. The first one that is wrong throws, with what was demanded of it; from then on nothing is
// read, everything is nothing, and the callback returns at `!ok`.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

#include "binding/argument_rules.h"
#include "core/layout.h"
#include "core/siphash.h"

namespace amorsize::binding {

class Reader {
 public:
  Reader(napi_env env, const char* subject, const napi_value* values) : env_(env), subject_(subject), values_(values) {}

  double number(size_t index, const NumberRule& rule);
  int64_t whole(size_t index, const NumberRule& rule) { return static_cast<int64_t>(number(index, rule)); }

  bool boolean(size_t index, const char* demand = "true or false was expected");
  std::string name(size_t index);
  // Whether a name is the machine's.
  bool is_machine(size_t index) { return boolean(index, "whether the name is the machine's must be true or false"); }
  // A BigUint64Array of two.
  core::HashSeed seed(size_t index);

  // The doubles of a Float64Array of at least `count`; nullptr with an exception pending for anything else.
  double* doubles(size_t index, size_t count);

  // The cells behind a BigInt64Array, at least `count`; nullptr with an exception pending when it is none, is too short
  // or not aligned to cells. The view must be on a SharedArrayBuffer, whose memory cannot be detached.
  core::Word* cells(size_t index, size_t count);

  // How many cells a view has that `cells` has accepted.
  size_t cell_count(size_t index);

  // Throw, unless something was thrown already. Return 0.
  double wrong_type(const char* demand) { return refuse(demand, napi_throw_type_error); }
  double out_of_range(const char* demand) { return refuse(demand, napi_throw_range_error); }
  // The same with the range that `value` is not in, and the value.
  double out_of_range(const core::NumberRule& rule, double value);

  // Whether no argument so far was wrong.
  bool ok = true;

 private:
  double refuse(const char* demand, napi_status (*throw_error)(napi_env, const char*, const char*));

  napi_env env_;
  const char* subject_;  // whose call it is, the beginning of each message
  const napi_value* values_;
};

// Exactly `N` arguments; missing ones are undefined.
template <size_t N>
class Arguments : public Reader {
 public:
  Arguments(napi_env env, napi_callback_info info, const char* subject) : Reader(env, subject, values) {
    size_t count = N;
    if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok)
      wrong_type("the arguments cannot be read");
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  napi_value values[N];
};

}  // namespace amorsize::binding
