// What a thread has of a subject: its cells and what keeps them alive, that thread's clock, and a number by which
// JavaScript names it. It goes when its bound functions are collected, at the latest when the thread ends.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "binding/environment.h"
#include "binding/named_cells.h"
#include "binding/napi_values.h"
#include "os/clock.h"

namespace amorsize::binding {

// Each subject's own begins with this. It says what it is by `kKind`, `kSubject` (for messages) and what is to be done
// before its cells are let go of, by `leave`.
struct Handle {
  core::Kind kind;  // none, once its cells have been let go of
  Environment* environment;
  napi_ref view;  // keeps the SharedArrayBuffer alive: the address of a collected one is soon reused; none for a name
  NamedCells named;
  uint32_t number = 0;
  uint32_t holders = 1;  // functions that are not collected yet, and whoever opens it
  os::FastClock clock = {};
};

// The T of this thread with that number; nullptr when there is none, or it is something else.
template <class T>
T* find_handle(napi_env env, double number) {
  const Environment* const environment = Environment::of(env);
  Handle* const handle = environment == nullptr ? nullptr : environment->handles.find(number);
  return handle != nullptr && handle->kind == T::kKind ? static_cast<T*>(handle) : nullptr;
}

// Lets go of a handle for one of its holders; a finalizer of its functions.
template <class T>
void release_handle(napi_env env, void* data, void*) {
  auto* const handle = static_cast<T*>(data);
  if (--handle->holders > 0) return;
  if (handle->kind == T::kKind) handle->leave(env);
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  Environment* const environment = handle->environment;
  environment->handles.remove(handle->number);
  delete handle;
  environment->release();
}

// Makes a handle, and what JavaScript gets of it: an array of bound functions, the number, and more.
template <class T>
class Opening {
 public:
  // `view` is nullptr for cells that have a name; what cannot be opened lets go of it. `parts`: what T has of its own.
  template <class... Parts>
  Opening(napi_env env, napi_value view, NamedCells named, Parts&&... parts) : env_(env) {
    Environment* const environment = Environment::of(env);
    napi_ref reference = nullptr;
    if (environment == nullptr || napi_create_array(env, &array_) != napi_ok ||
        (view != nullptr && napi_create_reference(env, view, 1, &reference) != napi_ok)) {
      named.release(env);
      return;
    }
    handle = new T{{T::kKind, environment, reference, named}, std::forward<Parts>(parts)...};
    handle->number = environment->handles.add(handle);
    environment->retain();
  }
  ~Opening() {
    if (handle != nullptr) release_handle<T>(env_, handle, nullptr);
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // A function for which the handle stays.
  void add_bound(const char* name, napi_callback callback) {
    napi_value function = nullptr;
    made_ = made_ && handle != nullptr &&
            napi_create_function(env_, name, NAPI_AUTO_LENGTH, callback, handle, &function) == napi_ok &&
            napi_add_finalizer(env_, function, handle, release_handle<T>, nullptr, nullptr) == napi_ok;
    hold(function);
  }

  // The same for a subject without bound functions: an object that can do nothing.
  void add_owner() {
    napi_value owner = nullptr;
    made_ =
        made_ && handle != nullptr && napi_create_external(env_, handle, release_handle<T>, nullptr, &owner) == napi_ok;
    hold(owner);
  }

  void add_number() {
    if (handle != nullptr) add(make_double(env_, handle->number));
  }

  void add(napi_value value) {
    made_ = made_ && handle != nullptr && napi_set_element(env_, array_, count_++, value) == napi_ok;
  }

  // The array; nullptr with an exception pending when something could not be made.
  napi_value result() const { return made_ && handle != nullptr ? array_ : throw_last(env_, "opening shared memory"); }

  T* handle = nullptr;  // nullptr when it could not be made

 private:
  void hold(napi_value holder) {
    if (!made_) return;
    ++handle->holders;
    add(holder);
  }

  napi_env env_;
  napi_value array_ = nullptr;
  uint32_t count_ = 0;
  bool made_ = true;
};

// Appends values to an array that an Opening has made.
inline napi_value append(napi_env env, napi_value array, std::initializer_list<napi_value> values) {
  uint32_t at = 0;
  if (array == nullptr) return nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_get_array_length(env, array, &at));
  for (napi_value value : values) AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, array, at++, value));
  return array;
}

}  // namespace amorsize::binding
