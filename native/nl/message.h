#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <span>

#include "nl/bytes.h"

namespace nl {

/// One received netlink message.
struct Message {
  nlmsghdr header{};
  std::span<const uint8_t> body;  ///< behind the nlmsghdr

  /// Attributes behind a protocol header of `size` bytes; empty when the message is shorter.
  [[nodiscard]] std::span<const uint8_t> attributes(size_t size) const noexcept {
    const size_t start = NLMSG_ALIGN(size);
    return start < body.size() ? body.subspan(start) : std::span<const uint8_t>{};
  }
};

/// Walks the messages of a datagram. Ends at the first one whose length does not fit what is left.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool next(Message& out) noexcept {
    if (rest_.size() < sizeof(nlmsghdr)) return false;
    out.header = load<nlmsghdr>(rest_.data());
    const size_t length = out.header.nlmsg_len;
    if (length < sizeof(nlmsghdr) || length > rest_.size()) {
      rest_ = {};
      malformed_ = true;
      return false;
    }
    out.body = rest_.subspan(sizeof(nlmsghdr), length - sizeof(nlmsghdr));
    const size_t step = NLMSG_ALIGN(length);
    rest_ = step < rest_.size() ? rest_.subspan(step) : std::span<const uint8_t>{};
    return true;
  }

  /// A message claimed a length that it cannot have.
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  std::span<const uint8_t> rest_;
  bool malformed_ = false;
};

}  // namespace nl
