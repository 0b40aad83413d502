#pragma once

#include <cstdint>
#include <span>

#include "nl/window.h"
#include "seam/records.h"

namespace ipset {

/// Elements to add, delete or test.
struct EntryJob {
  std::span<const seam::SetEntry> entries;
  std::span<const uint8_t> heap;
  seam::SetCommand head;  ///< command, set and `exist`
};

/// Writes elements into messages:
///
///     nlmsghdr, nfgenmsg
///     PROTOCOL, SETNAME, LINENO 0, ADT { DATA { element, LINENO index + 1 } … }   several elements
///     PROTOCOL, SETNAME, LINENO 0, DATA { element, LINENO index + 1 }             one element
///     PROTOCOL, SETNAME, DATA { element }                                         one element to
///     test
///
/// When an element is refused, the kernel copies its LINENO over the one of the message in the
/// request that it echoes. Line numbers of elements cost the kernel 3 % and can be left out: then a
/// refusal says which message, not which element.
class EntryWriter {
 public:
  /// A refused message comes back whole: short ones keep the receive buffer and the kernel's
  /// copying small, and beyond a page there is little to gain where many are sent at once.
  static constexpr size_t kShortMessage = 4000;
  /// For a run that has one message under way and ends with the first that is refused.
  static constexpr size_t kLongMessage = 32000;

  explicit EntryWriter(const EntryJob& job, size_t messageBytes = kShortMessage) noexcept
      : job_(job), messageBytes_(messageBytes) {}

  [[nodiscard]] bool tests() const noexcept;

  /// Add a message with the elements from `from` on to the window: up to `to`, at most `most`,
  /// as many as fit. Returns the index behind the last one. `exclusive`: with NLM_F_EXCL.
  /// `numbered`: with line numbers.
  uint32_t write(nl::Window& window, uint32_t from, uint32_t to, uint32_t most, bool exclusive,
                 bool numbered) const noexcept;

  /// Room that the next message wants in a window, before it is written.
  [[nodiscard]] static bool fits(const nl::Window& window, uint32_t most) noexcept;

 private:
  void putElement(uint32_t index, bool numbered, nl::MessageWriter& writer) const noexcept;

  const EntryJob& job_;
  size_t messageBytes_;
};

/// The line number in the echo of a refused request; 0 when there is none.
[[nodiscard]] uint32_t lineOf(std::span<const uint8_t> request) noexcept;

}  // namespace ipset
