#include "ipset/requests.h"

#include "ipset/command.h"
#include "ipset/header.h"

namespace ipset {

void CommandRequests::encode(uint32_t index, uint32_t sequence,
                             nl::MessageWriter& writer) noexcept {
  encodeCommand(commands_[index], sequence, false, writer);
}

void CommandRequests::onData(uint32_t index, const nl::Message& message) noexcept {
  decodeAnswer(message, index, reply_);
}

}  // namespace ipset
