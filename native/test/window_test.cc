#include "nl/window.h"

#include <linux/netlink.h>

#include "nl/pipeline.h"
#include "test/check.h"

namespace {

struct Header {
  uint8_t bytes[4];
};

/// Messages of a given size whose answers have a given size.
class Plain final : public nl::Requests {
 public:
  Plain(uint32_t count, size_t payload, size_t reply)
      : count_(count), payload_(payload), reply_(reply) {}
  [[nodiscard]] uint32_t count() const noexcept override { return count_; }
  void encode(uint32_t /*index*/, uint32_t sequence, nl::MessageWriter& writer) noexcept override {
    const std::vector<uint8_t> payload(payload_);
    writer.begin(20, NLM_F_REQUEST, sequence, Header{});
    writer.put(1, payload.data(), payload.size());
    writer.end();
  }
  [[nodiscard]] size_t replyBudget(uint32_t /*index*/) const noexcept override { return reply_; }
  void onError(uint32_t /*index*/, const nl::ErrorReply& /*error*/) noexcept override {}
  void onData(uint32_t /*index*/, const nl::Message& /*message*/) noexcept override {}

 private:
  uint32_t count_;
  size_t payload_;
  size_t reply_;
};

TEST_CASE("a window holds no more answers than the receive buffer") {
  nl::Window window(nl::WindowLimits::forBuffers(212992, 212992));
  Plain requests(10000, 20, nl::kReplyBudget);
  window.reset(1);
  CHECK_EQUAL(nl::fillWindow(window, requests, 0, false), 208U);
}

TEST_CASE("a window holds no more bytes than one send takes best") {
  nl::Window window(nl::WindowLimits::forBuffers(1 << 24, 1 << 24));
  Plain requests(10000, 500, nl::kReplyBudget);
  window.reset(1);
  const uint32_t end = nl::fillWindow(window, requests, 0, false);
  CHECK(window.bytes().size() <= 64 * 1024);
  CHECK(window.bytes().size() > 62 * 1024);
  CHECK_EQUAL(window.messages(), end);
}

TEST_CASE("a window stays below a small send buffer") {
  nl::Window window(nl::WindowLimits::forBuffers(8192, 1 << 24));
  Plain requests(10000, 500, nl::kReplyBudget);
  window.reset(1);
  nl::fillWindow(window, requests, 0, false);
  CHECK(window.bytes().size() <= 8192 - 32);
}

TEST_CASE("a window always takes one message") {
  nl::Window window({.bytes = 1, .replies = 1});
  Plain requests(3, 900, 100000);
  window.reset(1);
  CHECK_EQUAL(nl::fillWindow(window, requests, 0, false), 1U);
  CHECK(!window.narrow());
}

TEST_CASE("only the last message asks for an acknowledgement") {
  nl::Window window(nl::WindowLimits::forBuffers(212992, 212992));
  Plain requests(5, 4, nl::kReplyBudget);
  window.reset(40);
  CHECK_EQUAL(nl::fillWindow(window, requests, 0, false), 5U);
  window.seal();
  nl::MessageReader reader(window.bytes());
  uint32_t index = 0;
  for (nl::Message message; reader.next(message); ++index) {
    CHECK_EQUAL(message.header.nlmsg_seq, 40 + index);
    CHECK_EQUAL((message.header.nlmsg_flags & NLM_F_ACK) != 0, index == 4);
  }
  CHECK_EQUAL(index, 5U);
}

TEST_CASE("a window that was too large for a send gets smaller") {
  nl::Window window(nl::WindowLimits::forBuffers(212992, 1 << 24));
  Plain requests(10000, 500, nl::kReplyBudget);
  size_t before = SIZE_MAX;
  for (int i = 0; i < 3; ++i) {
    window.reset(1);
    nl::fillWindow(window, requests, 0, false);
    CHECK(window.bytes().size() < before);
    before = window.bytes().size();
    CHECK(window.narrow());
  }
}

}  // namespace

TEST_MAIN()
