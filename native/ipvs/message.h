#pragma once

#include "nl/message.h"
#include "seam/reply.h"

namespace ipvs {

/// One reply of the family into the table that its command calls for; others are ignored. `op` is
/// the index of the request that it answers, `serviceFamily` as in decodeDest(), `service` goes
/// into IpvsDest::service.
struct MessageContext {
  uint32_t op = 0;
  uint32_t service = 0;
  uint16_t serviceFamily = 0;
};
void decodeMessage(const nl::Message& message, const MessageContext& context,
                   seam::Reply& reply) noexcept;

}  // namespace ipvs
