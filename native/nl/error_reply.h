#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "nl/message.h"

namespace nl {

/// An NLMSG_ERROR taken apart. The views live as long as the datagram.
struct ErrorReply {
  /// 0 for an acknowledgement. Else mostly a negative errno or ip_set code; ip_set also knows a
  /// positive 1.
  int32_t code = 0;
  /// The request that it answers, from its nlmsghdr on; the header alone when the kernel has capped
  /// it.
  std::span<const uint8_t> request;
  /// Extended acknowledgement, where there is one.
  std::string_view text;
  bool hasOffset = false;
  uint32_t offset = 0;
};

/// False when the message is too short to be one.
[[nodiscard]] bool parseErrorReply(const Message& message, ErrorReply& out) noexcept;

}  // namespace nl
