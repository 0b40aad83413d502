#pragma once

#include <cstdint>
#include <span>

#include "nl/endpoint.h"
#include "seam/reply.h"

namespace ipvs {

/// The IPVS family of generic netlink, over the sockets of one endpoint. Nothing here is
/// thread-safe.
class Family {
 public:
  explicit Family(nl::Endpoint& endpoint) noexcept : endpoint_(endpoint) {}

  /// Ask for the family's id, which loads the module where there is one. 0 or a negative errno.
  [[nodiscard]] int resolve() noexcept;

  /// The id changes when the module is loaded again. True when it has.
  [[nodiscard]] bool resolveAgain() noexcept;
  [[nodiscard]] uint16_t id() const noexcept { return id_; }

  /// Send requests; replies to GET_SERVICE, GET_CONFIG and GET_INFO go into the tables.
  void run(std::span<const seam::IpvsOp> ops, bool stopOnError, seam::Reply& reply) noexcept;

  /// GET_SERVICE (all services; with kWithDestinations each with its destinations), GET_DEST (of
  /// one service) or GET_DAEMON.
  void dump(const seam::IpvsOp& op, seam::Reply& reply) noexcept;

 private:
  int dumpServices(const seam::IpvsOp& op, seam::Reply& reply) noexcept;
  int dumpDests(std::span<uint8_t> request, uint32_t service, uint16_t serviceFamily,
                seam::Reply& reply) noexcept;
  int dumpDestsOfAll(bool quick, seam::Reply& reply) noexcept;

  nl::Endpoint& endpoint_;
  uint16_t id_ = 0;
};

}  // namespace ipvs
