// Conversations with rtnetlink, which answers questions about `lo` without privilege on every
// kernel.
#include "nl/exchange.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <set>

#include "nl/dump.h"
#include "nl/endpoint.h"
#include "nl/pipeline.h"
#include "test/check.h"

namespace {

/// Asks for an interface by its index.
class Links final : public nl::Requests {
 public:
  explicit Links(std::vector<int> indexes, size_t budget = 16 * nl::kReplyBudget)
      : indexes_(std::move(indexes)), budget_(budget) {}

  [[nodiscard]] uint32_t count() const noexcept override {
    return static_cast<uint32_t>(indexes_.size());
  }
  void encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept override {
    ifinfomsg header{};
    header.ifi_index = indexes_[index];
    writer.begin(RTM_GETLINK, NLM_F_REQUEST, sequence, header);
    writer.end();
  }
  [[nodiscard]] size_t replyBudget(uint32_t /*index*/) const noexcept override { return budget_; }
  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    errors.insert(index);
    lastCode = error.code;
  }
  void onData(uint32_t index, const nl::Message& /*message*/) noexcept override {
    answers.insert(index);
  }

  std::set<uint32_t> errors;
  std::set<uint32_t> answers;
  int lastCode = 0;

 private:
  std::vector<int> indexes_;
  size_t budget_;
};

class Sink final : public nl::ReplySink {
 public:
  explicit Sink(Links& links) : links_(links) {}
  void onError(uint32_t slot, const nl::ErrorReply& error) noexcept override {
    links_.onError(slot, error);
  }
  void onData(uint32_t slot, const nl::Message& message) noexcept override {
    links_.onData(slot, message);
  }

 private:
  Links& links_;
};

class Counter final : public nl::DumpSink {
 public:
  void onData(const nl::Message& /*message*/) noexcept override { ++messages; }
  int messages = 0;
};

nl::Socket openSocket() {
  nl::Result<nl::Socket> opened = nl::Socket::open(NETLINK_ROUTE, std::make_shared<nl::Counters>());
  CHECK(opened.ok());
  return std::move(opened.value());
}

TEST_CASE("matches answers and errors to their requests") {
  nl::Endpoint endpoint(NETLINK_ROUTE, {}, std::make_shared<nl::Counters>());
  CHECK_EQUAL(endpoint.open().error, 0);
  Links links({1, 999999, 1, 1, 999998});
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, links, false);
  CHECK_EQUAL(outcome.error, 0);
  CHECK_EQUAL(outcome.settled, 5U);
  CHECK(links.errors == (std::set<uint32_t>{1, 4}));
  CHECK(links.answers == (std::set<uint32_t>{0, 2, 3}));
  CHECK_EQUAL(links.lastCode, -ENODEV);
}

TEST_CASE("stops behind the first refusal where that is asked for") {
  nl::Endpoint endpoint(NETLINK_ROUTE, {}, std::make_shared<nl::Counters>());
  CHECK_EQUAL(endpoint.open().error, 0);
  Links links({1, 999999, 1});
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, links, true);
  CHECK_EQUAL(outcome.settled, 2U);
  CHECK(links.answers == (std::set<uint32_t>{0}));
}

TEST_CASE("never overruns the receive buffer when answers are budgeted") {
  const auto counters = std::make_shared<nl::Counters>();
  nl::Endpoint endpoint(NETLINK_ROUTE, {}, counters);
  CHECK_EQUAL(endpoint.open().error, 0);
  Links links(std::vector<int>(5000, 1));
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, links, false);
  CHECK_EQUAL(outcome.settled, 5000U);
  CHECK(!outcome.overrun);
  CHECK_EQUAL(links.answers.size(), 5000U);
  CHECK_EQUAL(counters->overruns.load(), 0U);
}

TEST_CASE("says from where on outcomes are unknown when the kernel has dropped answers") {
  nl::Socket socket = openSocket();
  socket.requestBuffers(4096, 1 << 20);
  // More answers than any buffer of that size holds, and a budget that claims otherwise.
  Links links(std::vector<int>(800, 1), 0);
  nl::Window window(nl::WindowLimits::forBuffers(1 << 20, 1 << 30));
  window.reset(1);
  CHECK_EQUAL(nl::fillWindow(window, links, 0, false), 800U);
  nl::Bytes buffer;
  Sink sink(links);
  const nl::Outcome outcome = nl::exchange(socket, window, buffer, sink);
  CHECK(outcome.overrun);
  CHECK_EQUAL(outcome.error, 0);
  CHECK(outcome.answered < 800);
  CHECK_EQUAL(outcome.answered, links.answers.size());

  // The queue was emptied: the next exchange is complete again.
  Links again({1, 999999});
  window.reset(2000);
  nl::fillWindow(window, again, 0, false);
  Sink next(again);
  const nl::Outcome clean = nl::exchange(socket, window, buffer, next);
  CHECK(!clean.overrun);
  CHECK_EQUAL(clean.answered, 2U);
  CHECK(again.answers == (std::set<uint32_t>{0}));
}

TEST_CASE("notices when the kernel has stopped at a broken message") {
  nl::Socket socket = openSocket();
  Links links({1, 1});
  nl::Window window(nl::WindowLimits::forBuffers(212992, 212992));
  window.reset(1);
  nl::fillWindow(window, links, 0, false);
  // The second message claims to be longer than the buffer: ignored without an error.
  const uint32_t length = 4096;
  std::memcpy(const_cast<uint8_t*>(window.bytes().data()) + 32, &length, sizeof length);
  nl::Bytes buffer;
  Sink sink(links);
  const nl::Outcome outcome = nl::exchange(socket, window, buffer, sink);
  CHECK_EQUAL(outcome.error, -EBADMSG);
  CHECK_EQUAL(outcome.answered, 1U);
}

TEST_CASE("reports a send that is too large as not executed") {
  nl::Socket socket = openSocket();
  socket.requestBuffers(1 << 20, 4608);
  Links links(std::vector<int>(1000, 1), 0);
  nl::Window window({.bytes = 64 * 1024, .replies = 1 << 30});
  window.reset(1);
  nl::fillWindow(window, links, 0, false);
  nl::Bytes buffer;
  Sink sink(links);
  const nl::Outcome outcome = nl::exchange(socket, window, buffer, sink);
  CHECK_EQUAL(outcome.error, -EMSGSIZE);
  CHECK(outcome.unsent);
}

TEST_CASE(
    "reads a dump to its end, with buffers of any size, and the next one on the same socket") {
  nl::Socket socket = openSocket();
  std::vector<uint8_t> buffer(64 * 1024);
  for (const size_t size : {size_t{4096}, size_t{8192}, buffer.size()}) {
    nl::Bytes request;
    nl::MessageWriter writer(request);
    writer.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 77, ifinfomsg{});
    writer.put(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    writer.end();
    Counter counter;
    const nl::DumpOutcome outcome =
        nl::dump(socket, request.span(), std::span(buffer).first(size), counter);
    CHECK_EQUAL(outcome.error, 0);
    CHECK(!outcome.poisoned);
    CHECK(counter.messages >= 1);
  }
}

TEST_CASE("poisons a dump whose datagrams do not fit") {
  nl::Socket socket = openSocket();
  nl::Bytes request;
  nl::MessageWriter writer(request);
  writer.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 78, ifinfomsg{});
  writer.end();
  std::vector<uint8_t> buffer(64);
  Counter counter;
  const nl::DumpOutcome outcome = nl::dump(socket, request.span(), buffer, counter);
  CHECK_EQUAL(outcome.error, -EMSGSIZE);
  CHECK(outcome.poisoned);
}

TEST_CASE("takes the error of a dump from its end") {
  nl::Socket socket = openSocket();
  socket.requireStrictChecks();
  nl::Bytes request;
  nl::MessageWriter writer(request);
  ifaddrmsg header{};
  header.ifa_index = 999999;
  writer.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 79, header);
  writer.end();
  std::vector<uint8_t> buffer(8192);
  Counter counter;
  const nl::DumpOutcome outcome = nl::dump(socket, request.span(), buffer, counter);
  CHECK_EQUAL(outcome.error, -ENODEV);
  CHECK(!outcome.poisoned);
}

TEST_CASE("gives each block of sequence numbers out once, and never 0") {
  nl::Endpoint endpoint(NETLINK_ROUTE, {}, std::make_shared<nl::Counters>());
  const uint32_t first = endpoint.sequences(1000);
  CHECK(first != 0);
  CHECK_EQUAL(endpoint.sequences(1000), first + 1000);
  for (int i = 0; i < 5; ++i) CHECK(endpoint.sequences(0x7ffffff0) != 0);
}

TEST_CASE("counts its sockets") {
  const auto counters = std::make_shared<nl::Counters>();
  {
    nl::Endpoint endpoint(NETLINK_ROUTE, {}, counters);
    CHECK_EQUAL(endpoint.open().error, 0);
    CHECK_EQUAL(counters->sockets.load(), 1U);
    endpoint.close();
    CHECK_EQUAL(counters->sockets.load(), 0U);
    CHECK_EQUAL(endpoint.open().error, 0);
  }
  CHECK_EQUAL(counters->sockets.load(), 0U);
}

TEST_CASE("says that a namespace could not be entered") {
  nl::Endpoint endpoint(NETLINK_ROUTE, nl::Netns(nl::Fd(dup(0))), std::make_shared<nl::Counters>());
  const nl::Endpoint::OpenError failure = endpoint.open();
  CHECK(failure.entering);
  CHECK(failure.error < 0);
}

TEST_CASE("resolves generic netlink families, and says which are absent") {
  nl::Result<nl::Socket> opened =
      nl::Socket::open(NETLINK_GENERIC, std::make_shared<nl::Counters>());
  CHECK(opened.ok());
  CHECK_EQUAL(opened.value().resolveFamily("nlctrl"), 16);
  CHECK_EQUAL(opened.value().resolveFamily("no such family"), -ENOENT);
  CHECK_EQUAL(opened.value().resolveFamily("nlctrl"), 16);
}

}  // namespace

TEST_MAIN()
