#include "nl/error_reply.h"

#include <linux/netlink.h>

#include "nl/attr.h"

namespace nl {

bool parseErrorReply(const Message& message, ErrorReply& out) noexcept {
  out = {};
  const std::span<const uint8_t> body = message.body;
  if (body.size() < sizeof(nlmsgerr)) return false;
  const auto error = load<nlmsgerr>(body.data());
  out.code = error.error;

  // Decided by the flags of this reply, not by the socket options: ip_set's line number errors come
  // uncapped regardless.
  size_t echoed = sizeof(nlmsghdr);
  if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0 && error.msg.nlmsg_len > echoed) {
    echoed = error.msg.nlmsg_len;
  }
  const std::span<const uint8_t> rest = body.subspan(sizeof(error.error));
  out.request = rest.first(echoed < rest.size() ? echoed : rest.size());

  const size_t padded = NLMSG_ALIGN(echoed);
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || padded >= rest.size()) return true;
  AttrReader attributes(rest.subspan(padded));
  for (Attr attr; attributes.next(attr);) {
    if (attr.type == NLMSGERR_ATTR_MSG) out.text = attr.text();
    if (attr.type == NLMSGERR_ATTR_OFFS && attr.payload.size() >= sizeof(uint32_t)) {
      out.hasOffset = true;
      out.offset = attr.host<uint32_t>();
    }
  }
  return true;
}

}  // namespace nl
