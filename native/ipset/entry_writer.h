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
  uint32_t first = 0;     ///< what the first of them counts as in the reply
};

/// How messages are filled: as refusals have taught.
struct EntryPace {
  /// More than fit into a message.
  static constexpr uint32_t kUnlimited = 4096;

  uint32_t perMessage = kUnlimited;  ///< elements at most
  bool numbered = false;             ///< elements carry line numbers
  bool careful = false;              ///< short messages
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
  /// While nothing is refused. Elements in a nest have at most 64 KiB.
  static constexpr size_t kLongMessage = 64000;
  /// A refused message comes back whole: short ones keep the receive buffer and the kernel's
  /// copying small, for some hundredths more where many are sent at once.
  static constexpr size_t kShortMessage = 4000;

  explicit EntryWriter(const EntryJob& job) noexcept : job_(job) {}

  [[nodiscard]] bool tests() const noexcept;

  /// Add a message with the elements from `from` on to the window: up to `to`, as many as fit.
  /// Returns the index behind the last one. `exclusive`: with NLM_F_EXCL.
  uint32_t write(nl::Window& window, uint32_t from, uint32_t to, const EntryPace& pace,
                 bool exclusive) const noexcept;

  /// Room that the next message wants in a window, before it is written.
  [[nodiscard]] static bool fits(const nl::Window& window, const EntryPace& pace) noexcept;

 private:
  void putElement(uint32_t index, bool numbered, nl::MessageWriter& writer) const noexcept;

  const EntryJob& job_;
};

/// The line number in the echo of a refused request; 0 when there is none.
[[nodiscard]] uint32_t lineOf(std::span<const uint8_t> request) noexcept;

}  // namespace ipset
