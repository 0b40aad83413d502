#pragma once

#include <cstdint>

#include "nl/bytes.h"
#include "nl/endpoint.h"
#include "nl/fd.h"
#include "seam/records.h"

namespace ipvs {

/// Destinations by the socket options that IPVS had before netlink: one call for a service, in
/// fixed structs. IPv4 only, and without counters of 64 bits, tunnels and destinations of the other
/// family; a dump over netlink costs many times as much.
class QuickDests {
 public:
  /// False when that interface cannot be had.
  [[nodiscard]] bool open(const nl::Endpoint& endpoint) noexcept;

  /// Append the destinations of a service, which is number `index` of the reply. False when netlink
  /// has to be asked: for IPv6, and when something is there that this interface does not show.
  [[nodiscard]] bool read(const seam::IpvsService& service, uint32_t index,
                          nl::Table<seam::IpvsDest>& dests) noexcept;

 private:
  nl::Fd socket_;
  nl::Bytes buffer_;
};

}  // namespace ipvs
