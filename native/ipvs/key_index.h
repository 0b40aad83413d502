#pragma once

#include <cstdint>
#include <cstring>

#include "nl/bytes.h"

namespace ipvs {

/// What identifies a service or a destination, as bytes.
struct Key {
  uint8_t bytes[24] = {};

  void put(size_t at, const void* data, size_t size) noexcept {
    std::memcpy(bytes + at, data, size);
  }
  bool operator==(const Key& other) const noexcept {
    return std::memcmp(bytes, other.bytes, sizeof bytes) == 0;
  }
  [[nodiscard]] uint64_t hash() const noexcept {
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof bytes; i += sizeof h) {
      h = (h ^ nl::load<uint64_t>(bytes + i)) * 0x9e3779b97f4a7c15ULL;
      h ^= h >> 32;
    }
    return h;
  }
};

/// Finds what a dump has reported twice: IPVS dumps resume by position, so that entries added
/// meanwhile, even in another namespace, shift others into view again. An open-addressing table;
/// running short of memory only costs the finding.
class KeyIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// The number that the key was given before, or kNone after giving it `number`.
  uint32_t findOrAdd(const Key& key, uint32_t number) noexcept {
    if ((used_ + 1) * 2 > slots_.count() && !grow()) return kNone;
    Slot& slot = probe(key);
    if (slot.number != kNone) return slot.number;
    slot = {.key = key, .number = number, .pad = 0};
    ++used_;
    return kNone;
  }

  /// The number of the key, or kNone.
  [[nodiscard]] uint32_t find(const Key& key) noexcept {
    return slots_.count() == 0 ? kNone : probe(key).number;
  }

  void clear() noexcept {
    used_ = 0;
    // Shrink after a large one: clearing has to stay cheap for thousands of small ones.
    if (slots_.count() > kKept) {
      slots_ = {};
    } else {
      for (Slot& slot : slots_) slot.number = kNone;
    }
  }

 private:
  struct Slot {
    Key key;
    uint32_t number;
    uint32_t pad;
  };
  static constexpr uint32_t kFirst = 32;
  static constexpr uint32_t kKept = 128;

  Slot& probe(const Key& key) noexcept {
    const uint64_t mask = slots_.count() - 1;
    uint64_t at = key.hash() & mask;
    while (slots_[static_cast<uint32_t>(at)].number != kNone &&
           !(slots_[static_cast<uint32_t>(at)].key == key)) {
      at = (at + 1) & mask;
    }
    return slots_[static_cast<uint32_t>(at)];
  }

  bool grow() noexcept {
    const uint32_t wanted = slots_.count() == 0 ? kFirst : slots_.count() * 2;
    nl::Table<Slot> old = std::move(slots_);
    slots_ = {};
    for (uint32_t i = 0; i < wanted; ++i) {
      Slot* slot = slots_.add();
      if (slot == nullptr) {
        slots_ = std::move(old);
        return false;
      }
      slot->number = kNone;
    }
    for (const Slot& slot : old) {
      if (slot.number != kNone) probe(slot.key) = slot;
    }
    return true;
  }

  nl::Table<Slot> slots_;
  uint32_t used_ = 0;
};

}  // namespace ipvs
