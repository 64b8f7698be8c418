// The addon's entry: each subject registers its functions on `exports`. Nothing else happens at load time.
#include "binding/bindings.h"

NAPI_MODULE_INIT() {
  using namespace amorsize::binding;
  if (!register_clock(env, exports)) return nullptr;
  return exports;
}
