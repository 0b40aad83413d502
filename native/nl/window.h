#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nl/bytes.h"
#include "nl/writer.h"

namespace nl {

/// How much may be in flight at once.
struct WindowLimits {
  /// Bytes of one send: more than SO_SNDBUF - 32 is refused, and beyond 64 KiB sends get slower.
  size_t bytes = 0;
  /// Bytes of replies that the receive buffer can hold.
  size_t replies = 0;

  static WindowLimits forBuffers(uint32_t sendBuffer, uint32_t receiveBuffer) noexcept;
};

/// What a small reply (an error, an acknowledgement) is counted as against the receive buffer: 768
/// to 896 bytes were observed.
inline constexpr size_t kReplyBudget = 1024;

/// Messages that go out in one send, each with the records that it carries.
class Window {
 public:
  struct Slot {
    uint32_t record = 0;  ///< index of the first record
    uint32_t count = 0;   ///< records in the message
    size_t offset = 0;    ///< of the message in the bytes
    bool answered = false;
  };

  Window() = default;
  explicit Window(WindowLimits limits) noexcept : limits_(limits) {}

  /// Empty it and set other limits; its memory is kept.
  void limit(WindowLimits limits) noexcept;

  /// Empty it. Messages are numbered from `sequence` on.
  void reset(uint32_t sequence) noexcept;

  /// Whether a message of that size, with replies of that size, may be added. The first one always
  /// may.
  [[nodiscard]] bool fits(size_t size, size_t replies) const noexcept;

  /// To write the next message with: begin() it with sequence(), end() it, then close().
  [[nodiscard]] MessageWriter writer() noexcept { return MessageWriter(bytes_); }
  [[nodiscard]] uint32_t sequence() const noexcept {
    return base_ + static_cast<uint32_t>(slots_.size());
  }
  /// The message written since the last close() carries `count` records from `record` on and may
  /// cause `replies` bytes.
  void close(uint32_t record, uint32_t count, size_t replies) noexcept;

  /// Ask for an acknowledgement of the last message: it marks the end of the replies.
  void seal() noexcept;

  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
  [[nodiscard]] uint32_t messages() const noexcept { return static_cast<uint32_t>(slots_.size()); }
  [[nodiscard]] std::span<Slot> slots() noexcept { return slots_; }
  [[nodiscard]] uint32_t firstSequence() const noexcept { return base_; }
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return bytes_.span(); }
  [[nodiscard]] size_t largestMessage() const noexcept { return largest_; }
  [[nodiscard]] bool failed() const noexcept { return bytes_.failed(); }
  /// After an EMSGSIZE: half the bytes from now on. False when there is nothing left to halve.
  [[nodiscard]] bool narrow() noexcept;

 private:
  WindowLimits limits_;
  Bytes bytes_;
  std::vector<Slot> slots_;
  uint32_t base_ = 1;
  size_t start_ = 0;
  size_t replies_ = 0;
  size_t largest_ = 0;
};

}  // namespace nl
