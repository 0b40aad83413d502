#pragma once

#include <cstdint>
#include <span>

#include "seam/records.h"

namespace ipvs {

// Attributes of one kernel object into its record. The record starts as zeros; attributes that are
// absent, unknown or too short leave their fields as they are. Each takes the content of its nest.

/// SERVICE of an IPVS_CMD_NEW_SERVICE message.
void decodeService(std::span<const uint8_t> nest, seam::IpvsService& out) noexcept;
/// DEST of an IPVS_CMD_NEW_DEST message. `serviceFamily` is what a destination without ADDR_FAMILY
/// (before 3.18) has.
void decodeDest(std::span<const uint8_t> nest, uint16_t serviceFamily,
                seam::IpvsDest& out) noexcept;
/// DAEMON of an IPVS_CMD_NEW_DAEMON message.
void decodeDaemon(std::span<const uint8_t> nest, seam::IpvsDaemon& out) noexcept;
/// Top level of an IPVS_CMD_SET_CONFIG message.
void decodeConfig(std::span<const uint8_t> attributes, seam::IpvsConfig& out) noexcept;
/// Top level of an IPVS_CMD_SET_INFO message.
void decodeInfo(std::span<const uint8_t> attributes, seam::IpvsConfig& out) noexcept;

}  // namespace ipvs
