// What memory may answer. `Interleaving`: every load sees the last store. `ReleaseAcquire`: a load may see any store
// that the C++ orders do not hide from it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "explore/model_word.h"

namespace amorsize::test {

class Digest {
 public:
  void add(uint64_t word) {
    low_ = (std::rotl(low_, 25) ^ word) * 0x9E37'79B9'7F4A'7C15;
    high_ = (std::rotl(high_, 31) + word) * 0xC2B2'AE3D'27D4'EB4F ^ (low_ >> 29);
  }
  // Two runs that differ share a digest once in 2^128.
  std::pair<uint64_t, uint64_t> value() const { return {low_, high_}; }

 private:
  uint64_t low_ = 1;
  uint64_t high_ = 2;
};

template <size_t kCount>
class InterleavingOf {
 public:
  explicit InterleavingOf(size_t) {}

  void choices(size_t, const Request& request, bool spurious_allowed, std::vector<Answer>* out) const {
    out->clear();
    const Answer answer = plain_answer(request);
    out->push_back(answer);
    if (answer.swapped && request.may_fail_spuriously && spurious_allowed) out->push_back({answer.value, false, 0});
  }

  void apply(size_t, const Request& request, const Answer& answer) {
    if (request.kind == Request::Kind::kStore || answer.swapped) words_[request.word] = request.value;
  }

  // Every thread sees what has been done so far.
  void publish() {}
  void end(size_t) {}

  // What a thread that has seen everything would do.
  static Answer at_once(void* memory, const Request& request) {
    auto* self = static_cast<InterleavingOf*>(memory);
    const Answer answer = self->plain_answer(request);
    self->apply(0, request, answer);
    return answer;
  }

  void add_to(Digest* digest) const {
    for (const int64_t word : words_) digest->add(static_cast<uint64_t>(word));
  }
  void add_values_to(Digest* digest) const { add_to(digest); }

 private:
  Answer plain_answer(const Request& request) const {
    const int64_t value = words_[request.word];
    const bool matches = ((value ^ request.expected) & request.mask) == 0;
    return {value, request.kind == Request::Kind::kSwap && matches, 0};
  }

  std::array<int64_t, kCount> words_{};
};
using Interleaving = InterleavingOf<kWords>;

// Every value a word has had is a message; each thread remembers the earliest message it may still see of each word. A
// release store carries what its thread has seen, an acquire load takes that over, a swap acts on the last message
// only. This is release-acquire with relaxed accesses, except that no load sees a store that its own thread's later
// store would have to precede (load buffering), and that stores of one word come in the order in which they are
// executed: the core has no relaxed store after initialisation, and no two live threads store to the same plain word.
template <size_t kCount>
class ReleaseAcquireOf {
 public:
  explicit ReleaseAcquireOf(size_t threads) : seen_(threads) {}

  void choices(size_t thread, const Request& request, bool spurious_allowed, std::vector<Answer>* out) const {
    out->clear();
    const uint8_t last = last_of(request.word);
    if (request.kind == Request::Kind::kStore) {
      out->push_back({0, false, last});
      return;
    }
    for (uint8_t i = seen_[thread][request.word]; i <= last; ++i) {
      const int64_t value = value_of(request.word, i);
      const bool matches = request.kind == Request::Kind::kSwap && ((value ^ request.expected) & request.mask) == 0;
      if (!matches || (request.may_fail_spuriously && spurious_allowed)) out->push_back({value, false, i});
      // A later message already follows this one, so a swap could not come right after it.
      if (matches && i == last) out->push_back({value, true, i});
    }
  }

  void apply(size_t thread, const Request& request, const Answer& answer) {
    View& mine = seen_[thread];
    const Message* const read = answer.message > 0 ? find(request.word, answer.message) : nullptr;
    if (request.kind != Request::Kind::kStore) {
      const std::memory_order order = answer.swapped ? request.success : request.failure;
      mine[request.word] = std::max(mine[request.word], answer.message);
      if (order != std::memory_order_relaxed && order != std::memory_order_release && read != nullptr)
        join(&mine, read->carries);
    }
    if (request.kind == Request::Kind::kStore || answer.swapped) {
      // A swap continues the release sequence of the message it replaces.
      Message message{request.word, static_cast<uint8_t>(last_of(request.word) + 1), request.value,
                      answer.swapped && read != nullptr ? read->carries : View{}};
      mine[request.word] = message.number;
      if (request.success == std::memory_order_release || request.success == std::memory_order_acq_rel) {
        join(&message.carries, mine);
      } else {
        message.carries[request.word] = message.number;
      }
      messages_.push_back(message);
    }
  }

  // Every thread sees what has been done so far, and nothing older.
  void publish() {
    for (const Message& message : messages_) first_[message.word] = message.value;
    messages_.clear();
    for (View& view : seen_) view = {};
  }

  // The thread has come to its end: what it could still see makes no difference any more.
  void end(size_t thread) { seen_[thread] = {}; }

  static Answer at_once(void* memory, const Request& request) {
    auto* self = static_cast<ReleaseAcquireOf*>(memory);
    const uint8_t last = self->last_of(request.word);
    const int64_t value = self->value_of(request.word, last);
    const bool matches = ((value ^ request.expected) & request.mask) == 0;
    const Answer answer{value, request.kind == Request::Kind::kSwap && matches, last};
    self->apply(0, request, answer);
    return answer;
  }

  void add_to(Digest* digest) const {
    uint64_t sum = 0;  // threads may have written to different words in any order
    for (const Message& message : messages_) {
      Digest one;
      one.add(uint64_t{message.word} << 8 | message.number);
      one.add(static_cast<uint64_t>(message.value));
      add_view(&one, message.carries);
      sum += one.value().first ^ std::rotl(one.value().second, 17);
    }
    digest->add(sum);
    digest->add(messages_.size());
    for (const View& view : seen_) add_view(digest, view);
  }

  // What whoever sees everything finds.
  void add_values_to(Digest* digest) const {
    std::array<int64_t, kCount> last = first_;
    for (const Message& message : messages_) last[message.word] = message.value;
    for (const int64_t value : last) digest->add(static_cast<uint64_t>(value));
  }

 private:
  using View = std::array<uint8_t, kCount>;
  static_assert(kCount % 8 == 0);
  // The `number`-th value of a word; the 0th is the one that it began with.
  struct Message {
    uint8_t word;
    uint8_t number;
    int64_t value;
    View carries;
  };

  const Message* find(uint8_t word, uint8_t number) const {
    for (const Message& message : messages_) {
      if (message.word == word && message.number == number) return &message;
    }
    return nullptr;
  }
  int64_t value_of(uint8_t word, uint8_t number) const {
    return number == 0 ? first_[word] : find(word, number)->value;
  }
  uint8_t last_of(uint8_t word) const {
    for (size_t i = messages_.size(); i-- > 0;) {
      if (messages_[i].word == word) return messages_[i].number;
    }
    return 0;
  }

  static void join(View* into, const View& other) {
    for (size_t i = 0; i < kCount; ++i) (*into)[i] = std::max((*into)[i], other[i]);
  }
  static void add_view(Digest* digest, const View& view) {
    for (const uint64_t word : std::bit_cast<std::array<uint64_t, kCount / 8>>(view)) digest->add(word);
  }

  std::array<int64_t, kCount> first_{};
  std::vector<Message> messages_;
  std::vector<View> seen_;
};
using ReleaseAcquire = ReleaseAcquireOf<kWords>;

}  // namespace amorsize::test
