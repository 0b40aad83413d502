#pragma once

#include <cstdint>
#include <span>

#include "nl/bytes.h"
#include "seam/reply.h"
#include "seam/request.h"

namespace seam {

/// The messages that a run would send, numbered from 1, with family id kPureFamily; windows as for
/// default socket buffers, joined. Returns how many messages.
uint32_t encodeRun(const Request& request, nl::Bytes& out) noexcept;

/// Datagrams of the kernel, joined, as records. NLMSG_ERROR numbers its request from 1.
void decodeDatagrams(Subsystem subsystem, std::span<const uint8_t> bytes, Reply& reply) noexcept;

/// The request's text by its grammar: records, and where they stand.
void parseText(const Request& request, Reply& reply) noexcept;

/// Stands for the id that generic netlink hands out at run time.
inline constexpr uint16_t kPureFamily = 0x1d;

}  // namespace seam
