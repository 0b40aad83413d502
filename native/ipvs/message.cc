#include "ipvs/message.h"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "ipvs/decode.h"
#include "nl/attr.h"

namespace ipvs {

namespace {

void takeService(std::span<const uint8_t> nest, const MessageContext& context,
                 seam::Reply& reply) noexcept {
  seam::IpvsService* service = reply.ipvsServices.add();
  if (service == nullptr) return;
  service->op = context.op;
  decodeService(nest, *service);
}

void takeDest(std::span<const uint8_t> nest, const MessageContext& context,
              seam::Reply& reply) noexcept {
  seam::IpvsDest* dest = reply.ipvsDests.add();
  if (dest == nullptr) return;
  dest->service = context.service;
  decodeDest(nest, context.serviceFamily, *dest);
}

}  // namespace

void decodeMessage(const nl::Message& message, const MessageContext& context,
                   seam::Reply& reply) noexcept {
  if (message.body.size() < sizeof(genlmsghdr)) return;
  const auto header = nl::load<genlmsghdr>(message.body.data());
  const auto attributes = message.attributes(sizeof(genlmsghdr));
  const auto nestOf = [&attributes](uint16_t type) { return nl::findAttr(attributes, type); };
  // Replies carry the numbers of the NEW_* and SET_* requests. One without its object is none of
  // ours.
  switch (header.cmd) {
    case IPVS_CMD_NEW_SERVICE:
      if (const nl::Attr nest = nestOf(IPVS_CMD_ATTR_SERVICE); nest.type != 0) {
        takeService(nest.payload, context, reply);
      }
      break;
    case IPVS_CMD_NEW_DEST:
      if (const nl::Attr nest = nestOf(IPVS_CMD_ATTR_DEST); nest.type != 0) {
        takeDest(nest.payload, context, reply);
      }
      break;
    case IPVS_CMD_NEW_DAEMON:
      if (const nl::Attr nest = nestOf(IPVS_CMD_ATTR_DAEMON); nest.type != 0) {
        if (seam::IpvsDaemon* daemon = reply.ipvsDaemons.add()) decodeDaemon(nest.payload, *daemon);
      }
      break;
    case IPVS_CMD_SET_CONFIG:
      if (seam::IpvsConfig* config = reply.ipvsConfigs.add()) {
        config->op = context.op;
        decodeConfig(attributes, *config);
      }
      break;
    case IPVS_CMD_SET_INFO:
      if (seam::IpvsConfig* config = reply.ipvsConfigs.add()) {
        config->op = context.op;
        decodeInfo(attributes, *config);
      }
      break;
    default:
      break;
  }
}

}  // namespace ipvs
