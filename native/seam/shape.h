#pragma once

#include <cstddef>
#include <cstdint>

#include "seam/records.h"

namespace seam {

/// Which kernel subsystem a channel talks to.
enum class Subsystem : uint8_t { kIpvs, kIpset, kRoute, kConntrack };

/// Kinds of request records.
enum class Shape : uint8_t { kIpvsOp, kSetCommand, kSetEntry, kLinkOp, kConntrackOp };

[[nodiscard]] constexpr size_t strideOf(Shape shape) noexcept {
  switch (shape) {
    case Shape::kIpvsOp:
      return sizeof(IpvsOp);
    case Shape::kSetCommand:
      return sizeof(SetCommand);
    case Shape::kSetEntry:
      return sizeof(SetEntry);
    case Shape::kLinkOp:
      return sizeof(LinkOp);
    case Shape::kConntrackOp:
      return sizeof(ConntrackOp);
  }
  return 0;
}

[[nodiscard]] constexpr Subsystem subsystemOf(Shape shape) noexcept {
  switch (shape) {
    case Shape::kIpvsOp:
      return Subsystem::kIpvs;
    case Shape::kLinkOp:
      return Subsystem::kRoute;
    case Shape::kConntrackOp:
      return Subsystem::kConntrack;
    default:
      return Subsystem::kIpset;
  }
}

}  // namespace seam
