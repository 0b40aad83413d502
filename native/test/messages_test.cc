#include <linux/netlink.h>

#include <cerrno>
#include <vector>

#include "nl/error_reply.h"
#include "nl/message.h"
#include "nl/writer.h"
#include "test/check.h"

namespace {

struct Header {
  uint8_t bytes[4];
};

/// An NLMSG_ERROR for a request of 16 + `echoed` bytes.
nl::Bytes errorReply(int32_t code, uint16_t flags, size_t echoed, const char* text) {
  nl::Bytes bytes;
  nlmsghdr outer{.nlmsg_len = 0,
                 .nlmsg_type = NLMSG_ERROR,
                 .nlmsg_flags = flags,
                 .nlmsg_seq = 9,
                 .nlmsg_pid = 1};
  nlmsghdr inner{.nlmsg_len = static_cast<uint32_t>(16 + echoed),
                 .nlmsg_type = 0x609,
                 .nlmsg_flags = 1,
                 .nlmsg_seq = 9,
                 .nlmsg_pid = 0};
  bytes.append(&outer, sizeof outer);
  bytes.append(&code, sizeof code);
  bytes.append(&inner, sizeof inner);
  if ((flags & NLM_F_CAPPED) == 0) {
    const std::vector<uint8_t> payload(NLMSG_ALIGN(echoed), 0xee);
    bytes.append(payload.data(), payload.size());
  }
  if (text != nullptr) {
    nl::MessageWriter writer(bytes);
    writer.putString(NLMSGERR_ATTR_MSG, text);
    writer.put(NLMSGERR_ATTR_OFFS, uint32_t{36});
  }
  const auto length = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

nl::ErrorReply parsed(const nl::Bytes& bytes) {
  nl::MessageReader reader(bytes.span());
  nl::Message message;
  nl::ErrorReply error;
  CHECK(reader.next(message));
  CHECK(nl::parseErrorReply(message, error));
  return error;
}

TEST_CASE("finds the extended acknowledgement behind a capped request") {
  const nl::Bytes bytes = errorReply(-EEXIST, NLM_F_CAPPED | NLM_F_ACK_TLVS, 100, "there already");
  const nl::ErrorReply error = parsed(bytes);
  CHECK_EQUAL(error.code, -EEXIST);
  CHECK_EQUAL(error.text, std::string_view("there already"));
  CHECK(error.hasOffset);
  CHECK_EQUAL(error.offset, 36U);
  CHECK_EQUAL(error.request.size(), 16U);
}

TEST_CASE("finds it behind a whole request of any length") {
  for (const size_t echoed : {size_t{0}, size_t{4}, size_t{5}, size_t{7}, size_t{4000}}) {
    const nl::Bytes bytes = errorReply(-22, NLM_F_ACK_TLVS, echoed, "bad");
    const nl::ErrorReply error = parsed(bytes);
    CHECK_EQUAL(error.text, std::string_view("bad"));
    CHECK_EQUAL(error.request.size(), 16 + echoed);
  }
}

TEST_CASE("believes the flags of the reply: without them there is no extended acknowledgement") {
  const nl::Bytes bytes = errorReply(-22, NLM_F_CAPPED, 100, "not announced");
  const nl::ErrorReply error = parsed(bytes);
  CHECK_EQUAL(error.text.size(), 0U);
  CHECK(!error.hasOffset);
}

TEST_CASE("survives an echoed length that is larger than the reply") {
  nl::Bytes bytes = errorReply(-22, NLM_F_ACK_TLVS, 8, "x");
  const uint32_t huge = 0xfffffff0;
  std::memcpy(bytes.data() + 20, &huge, sizeof huge);
  const nl::ErrorReply error = parsed(bytes);
  CHECK_EQUAL(error.code, -22);
  CHECK_EQUAL(error.text.size(), 0U);
  CHECK(error.request.size() <= bytes.size());
}

TEST_CASE("refuses an error that is cut short") {
  nl::Message message;
  const std::vector<uint8_t> body(19);
  message.body = body;
  nl::ErrorReply error;
  CHECK(!nl::parseErrorReply(message, error));
}

TEST_CASE("walks messages by their padded length and stops at a length that cannot be") {
  nl::Bytes bytes;
  for (int i = 0; i < 3; ++i) {
    nl::MessageWriter writer(bytes);
    writer.begin(static_cast<uint16_t>(20 + i), 1, 1, Header{});
    writer.put(1, uint8_t{1});
    writer.end();
  }
  nl::MessageReader reader(bytes.span());
  nl::Message message;
  for (int i = 0; i < 3; ++i) {
    CHECK(reader.next(message));
    CHECK_EQUAL(message.header.nlmsg_type, 20 + i);
  }
  CHECK(!reader.next(message));
  CHECK(!reader.malformed());

  for (const uint32_t length : {0U, 15U, 1000U, 0xffffffffU}) {
    std::memcpy(bytes.data(), &length, sizeof length);
    nl::MessageReader broken(bytes.span());
    CHECK(!broken.next(message));
    CHECK(broken.malformed());
  }
}

}  // namespace

TEST_MAIN()
