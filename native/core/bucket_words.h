// The words of a token bucket: reading the slot of parameters in force, writing another one, and the one swap that
// commits a decision. What any of it means is for token_bucket.h and bucket_changes.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <utility>

#include "core/layout.h"
#include "core/rate.h"

namespace amorsize::core {

// What one decision needs: `hot` and half of the slot it points to.
struct BucketTerms {
  int64_t hot;
  int64_t spent;
  int64_t epoch_ns;
  int64_t burst;
  Rate rate;
  int digits;
  bool ends_pause;  // the epoch does

  // Units produced since the base. Time before the epoch (a pause, or another processor's clock) produces nothing.
  int64_t produced(int64_t now_ns) const { return now_ns > epoch_ns ? produced_in(rate, now_ns - epoch_ns) : 0; }

  // What is spent when so much has been produced: also what the burst had no room for.
  int64_t spent_by(int64_t produced) const { return std::max(spent, produced - burst); }

  // Nobody is admitted before a pause ends, whatever is given back meanwhile. An epoch that ends none is just past: a
  // thread may have read its clock before another one changed the parameters.
  bool is_paused(int64_t now_ns) const { return ends_pause && now_ns < epoch_ns; }

  static constexpr int64_t kTooLarge = -1;

  // `asked_burst` was rounded down to `burst`; a cost of just that much must still fit.
  int64_t cost_of(double tokens, double asked_burst) const {
    return tokens > asked_burst ? kTooLarge : std::min(cost_units(tokens, digits), burst);
  }

  // Nanoseconds, or kNever beyond kMaxWaitNs.
  int64_t time_until(int64_t units, int64_t now_ns) const {
    const int64_t since_epoch = units > 0 ? time_to_produce(rate, units) : 0;
    const int64_t until_epoch = epoch_ns - now_ns;
    // Both at once may be more than there is room for: the end of a long pause, and a clock that has gone back far.
    if (since_epoch == kNever || until_epoch > kMaxWaitNs - since_epoch) return kNever;
    return std::max<int64_t>(since_epoch + until_epoch, 0);
  }
};

// The whole slot.
struct BucketSlot : BucketTerms {
  int64_t generation;
  int64_t base;
  double asked_rate;
  double asked_burst;

  int64_t cost_of(double tokens) const { return BucketTerms::cost_of(tokens, asked_burst); }

  double tokens_of(int64_t units) const {
    return units == burst ? asked_burst : std::min(tokens_in(units, digits), asked_burst);
  }

  // What is spent, and what would be with `tokens` given back.
  std::pair<int64_t, int64_t> give_back(int64_t now_ns, double tokens) const {
    const int64_t now = produced(now_ns);
    return {spent_by(now), std::max(spent_by(now) - credit_units(tokens, digits), now - burst)};
  }
};

template <class W>
class BucketWords {
 public:
  explicit BucketWords(W* cell) : cell_(cell) {}

  // Writes a full bucket into zeroed memory no other thread can see yet. Preconditions: 0 < rate <= kMaxRate,
  // 1 <= burst <= kMaxBurst.
  void initialize(int64_t now_ns, double rate, double burst) {
    const Slot slot = make_slot(0, now_ns, false, 0, rate, burst, digits_for(rate, burst, 0));
    write_slot(slot);
    cell_[bucket::kClaim].store(0, std::memory_order_relaxed);
    cell_[bucket::kHot].store(pack(-slot.burst, 0), std::memory_order_relaxed);
    cell_[bucket::kReserved].store(bucket::kNowhere, std::memory_order_relaxed);
    write_kind(cell_, Kind::kTokenBucket);
  }

 protected:
  using Terms = BucketTerms;
  using Slot = BucketSlot;

  // `spent` and `produced` are kept relative to the slot's base, so that they fit beside the generation.
  static constexpr int64_t kMaxSpent = (int64_t{1} << (63 - bucket::kSpentShift)) - 1;
  static constexpr int64_t kTooLarge = Slot::kTooLarge;

  // `generation`: higher bits, such as `hot` has, are cut off.
  static int64_t pack(int64_t spent, int64_t generation) {
    return static_cast<int64_t>(static_cast<uint64_t>(spent) << bucket::kSpentShift) |
           (generation & bucket::kGenerationMask);
  }

  W* slot_words(int64_t generation) const {
    return cell_ + bucket::kFirstSlot + static_cast<size_t>(generation & (bucket::kSlots - 1)) * kWordsPerCell;
  }

  // A torn read may mix two slots; that is found by `is_current` or `commit` before anything comes of it.
  Terms read_terms() const {
    // order: acquire. Pairs with the swap in `put_in_force`: the slot it published is visible.
    const int64_t hot = cell_[bucket::kHot].load(std::memory_order_acquire);
    const W* words = slot_words(hot);
    const int64_t scale = load(words, bucket::kScale);
    return {hot,
            hot >> bucket::kSpentShift,
            load(words, bucket::kEpochNs),
            load(words, bucket::kBurstUnits),
            {load(words, bucket::kMultiplier), static_cast<unsigned>(scale & 127)},
            static_cast<int>((scale >> 8) & 15) + kMinDigits,
            ((scale >> bucket::kPauseBit) & 1) != 0};
  }

  Slot read_slot() const {
    const Terms terms = read_terms();
    const W* words = slot_words(terms.hot);
    return {terms, load(words, bucket::kGeneration), load(words, bucket::kBase),
            std::bit_cast<double>(load(words, bucket::kRate)), read_asked_burst(terms)};
  }

  double read_asked_burst(const Terms& terms) const {
    return std::bit_cast<double>(load(slot_words(terms.hot), bucket::kBurst));
  }

  static int64_t load(const W* words, size_t word) {
    // order: acquire. Pairs with the release stores of `write_slot`: a thread that sees a word of a later slot also
    // sees, in `is_current` or in the swap of `commit`, that `hot` has moved on.
    return words[word].load(std::memory_order_acquire);
  }

  // Whether what was read belongs together: the slot has not been replaced meanwhile.
  bool is_current(const Terms& terms) const {
    // order: relaxed. The acquire loads of `read_slot` come before it; a slot word written later would have brought the
    // newer `hot` along.
    return ((cell_[bucket::kHot].load(std::memory_order_relaxed) ^ terms.hot) & bucket::kGenerationMask) == 0;
  }

  // Replaces `spent`; fails when anything changed since the slot was read.
  bool commit(const Terms& terms, int64_t spent) {
    int64_t expected = terms.hot;
    // order: release. Keeps the slot's loads before the swap: whoever reuses that slot later has acquired a `hot` that
    // comes after this one, so its stores cannot have been what was read. Publishes `reserved`, too. On failure nothing
    // was learnt: relaxed.
    return cell_[bucket::kHot].compare_exchange_weak(expected, pack(spent, terms.hot), std::memory_order_release,
                                                     std::memory_order_relaxed);
  }

  // A place in units of `slot`.
  static int64_t place_of(int64_t reserved, const Slot& slot) {
    constexpr int kBits = bucket::kReservedDigitsBits;
    return rescale_up(reserved >> kBits, static_cast<int>(reserved & ((int64_t{1} << kBits) - 1)) + kMinDigits - 1,
                      slot.digits) -
           slot.base;
  }

  // Where no reservation ends beyond.
  int64_t reserved(const Slot& slot) const {
    // order: relaxed. `hot` was acquired before; it was released after the word was raised for any reservation that it
    // has seen.
    return place_of(cell_[bucket::kReserved].load(std::memory_order_relaxed), slot);
  }

  // False if the slot has been replaced: then `place` may be of no axis.
  bool raise_reserved(const Slot& slot, int64_t place) {
    if (!is_current(slot)) return false;
    const int64_t units = slot.base + place;
    const int digits = units > bucket::kMaxReserved ? slot.digits - 1 : slot.digits;
    const auto packed = static_cast<uint64_t>(rescale_up(units, slot.digits, digits)) << bucket::kReservedDigitsBits;
    const int64_t raised = static_cast<int64_t>(packed) | (digits - kMinDigits + 1);
    W& word = cell_[bucket::kReserved];
    // order: relaxed, both. The release of `commit` publishes the word, whoever wrote it.
    int64_t seen = word.load(std::memory_order_relaxed);
    while (place_of(seen, slot) < place &&
           !word.compare_exchange_weak(seen, raised, std::memory_order_relaxed, std::memory_order_relaxed)) {
    }
    return true;
  }

  static Slot make_slot(int64_t generation, int64_t epoch_ns, bool ends_pause, int64_t base, double rate, double burst,
                        int digits) {
    const int64_t burst_units = std::max<int64_t>(credit_units(burst, digits), 1);
    return {{0, 0, epoch_ns, burst_units, rate_of(rate, digits), digits, ends_pause}, generation, base, rate, burst};
  }

  void write_slot(const Slot& slot) {
    W* words = slot_words(slot.generation);
    // order: release. Pairs with `read_slot`: whoever sees one of these words sees the `hot` that was current before.
    const auto store = [words](size_t word, int64_t value) { words[word].store(value, std::memory_order_release); };
    store(bucket::kGeneration, slot.generation);
    store(bucket::kEpochNs, slot.epoch_ns);
    store(bucket::kBase, slot.base);
    store(bucket::kMultiplier, slot.rate.multiplier);
    store(bucket::kScale, static_cast<int64_t>(slot.rate.shift) | static_cast<int64_t>(slot.digits - kMinDigits) << 8 |
                              static_cast<int64_t>(slot.ends_pause) << bucket::kPauseBit);
    store(bucket::kBurstUnits, slot.burst);
    store(bucket::kRate, std::bit_cast<int64_t>(slot.asked_rate));
    store(bucket::kBurst, std::bit_cast<int64_t>(slot.asked_burst));
  }

  W* cell_;
};

}  // namespace amorsize::core
