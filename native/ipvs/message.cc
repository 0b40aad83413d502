#include "ipvs/message.h"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "ipvs/decode.h"
#include "nl/attr.h"

namespace ipvs {

void decodeMessage(const nl::Message& message, const MessageContext& context,
                   seam::Reply& reply) noexcept {
  if (message.body.size() < sizeof(genlmsghdr)) return;
  const auto header = nl::load<genlmsghdr>(message.body.data());
  const auto attributes = message.attributes(sizeof(genlmsghdr));
  // Replies carry the numbers of the NEW_* and SET_* requests.
  switch (header.cmd) {
    case IPVS_CMD_NEW_SERVICE:
      if (seam::IpvsService* service = reply.ipvsServices.add()) {
        service->op = context.op;
        decodeService(nl::findAttr(attributes, IPVS_CMD_ATTR_SERVICE).payload, *service);
      }
      break;
    case IPVS_CMD_NEW_DEST:
      if (seam::IpvsDest* dest = reply.ipvsDests.add()) {
        dest->service = context.service;
        decodeDest(nl::findAttr(attributes, IPVS_CMD_ATTR_DEST).payload, context.serviceFamily,
                   *dest);
      }
      break;
    case IPVS_CMD_NEW_DAEMON:
      if (seam::IpvsDaemon* daemon = reply.ipvsDaemons.add()) {
        decodeDaemon(nl::findAttr(attributes, IPVS_CMD_ATTR_DAEMON).payload, *daemon);
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
