#pragma once

#include <cstdint>

#include "ipvs/key_index.h"
#include "ipvs/keys.h"
#include "nl/bytes.h"
#include "nl/endpoint.h"
#include "nl/fd.h"
#include "seam/records.h"

namespace ipvs {

/// How many destinations each IPv4 service has.
class DestCounts {
 public:
  /// All of them in two calls. False when they cannot be had.
  [[nodiscard]] bool read(int socket) noexcept;
  /// kNone for a service that was not there.
  [[nodiscard]] uint32_t of(const seam::IpvsService& service) noexcept {
    return counts_.find(keyOf(service));
  }
  static constexpr uint32_t kNone = KeyIndex::kNone;

 private:
  KeyIndex counts_;
};

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

  /// Take out what was read of services whose number of destinations has changed since `open`, and
  /// return their indexes: who adds to a service that has some of the other family hides these.
  [[nodiscard]] nl::Table<uint32_t> dropMoved(nl::Table<seam::IpvsService>& services,
                                              nl::Table<seam::IpvsDest>& dests) noexcept;

 private:
  nl::Fd socket_;
  nl::Bytes buffer_;
  DestCounts counts_;
};

}  // namespace ipvs
