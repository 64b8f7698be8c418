// The states along one way, each a copy of the one before, in memory that is used again for the next way.
#pragma once

#include <cstddef>
#include <deque>

namespace amorsize::test {

template <class State>
class StateCopies {
 public:
  // While one is there, copies are made one step further on.
  class Deeper {
   public:
    explicit Deeper(StateCopies* copies) : copies_(copies) { ++copies_->depth_; }
    ~Deeper() { --copies_->depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    StateCopies* copies_;
  };

  // Valid until the next copy at the same depth.
  State& copy_of(const State& state) {
    if (depth_ == states_.size()) {
      states_.push_back(state);
    } else {
      states_[depth_] = state;
    }
    return states_[depth_];
  }

 private:
  std::deque<State> states_;
  size_t depth_ = 0;
};

}  // namespace amorsize::test
