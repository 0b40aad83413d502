#include "ipvs/requests.h"

#include <linux/ip_vs.h>

#include "ipvs/encode.h"
#include "ipvs/message.h"

namespace ipvs {

namespace {

// A service message is 320 to 400 bytes; it is charged about twice that, and its acknowledgement
// may follow.
constexpr size_t kDataBudget = 3 * nl::kReplyBudget;

}  // namespace

void FamilyRequests::encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept {
  ipvs::encode(ops_[index], family_, sequence, false, writer);
}

size_t FamilyRequests::replyBudget(uint32_t index) const noexcept {
  switch (ops_[index].command) {
    case IPVS_CMD_GET_SERVICE:
    case IPVS_CMD_GET_CONFIG:
    case IPVS_CMD_GET_INFO:
      return kDataBudget;
    default:
      return nl::kReplyBudget;
  }
}

void FamilyRequests::onData(uint32_t index, const nl::Message& message) noexcept {
  decodeMessage(message, {.op = index, .service = 0, .serviceFamily = ops_[index].family}, reply_);
}

}  // namespace ipvs
