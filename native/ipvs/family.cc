#include "ipvs/family.h"

#include <linux/ip_vs.h>
#include <linux/netlink.h>

#include <cerrno>

#include "ipvs/encode.h"
#include "ipvs/key_index.h"
#include "ipvs/keys.h"
#include "ipvs/message.h"
#include "ipvs/quick_dests.h"
#include "ipvs/requests.h"

namespace ipvs {

namespace {

using nl::Endpoint;

/// Requests whose family id may have gone stale.
class LiveRequests final : public FamilyRequests {
 public:
  LiveRequests(std::span<const seam::IpvsOp> ops, Family& family, seam::Reply& reply) noexcept
      : FamilyRequests(ops, family.id(), reply), family_(family) {}

  /// Asks once at most: without a change, -ENOENT is the genuine answer (no such destination or
  /// scheduler).
  bool retryNotFound(uint32_t messages) noexcept override {
    if (asked_) return false;
    asked_ = true;
    if (!family_.resolveAgain()) return false;
    setFamily(family_.id());
    nl::Table<seam::Failure>& failures = reply().failures;
    failures.truncate(failures.count() - messages);
    return true;
  }

 private:
  Family& family_;
  bool asked_ = false;
};

/// Keep the record at the end of `table`, unless its key was seen: then it replaces the older one,
/// which it is fresher than.
template <class Record>
void settleLast(nl::Table<Record>& table, uint32_t before, KeyIndex& seen) noexcept {
  if (table.count() == before) return;
  const uint32_t last = table.count() - 1;
  const uint32_t known = seen.findOrAdd(keyOf(table[last]), last);
  if (known == KeyIndex::kNone) return;
  table[known] = table[last];
  table.truncate(last);
}

class ServiceSink final : public nl::DumpSink {
 public:
  explicit ServiceSink(seam::Reply& reply) noexcept : reply_(reply) {}
  void onData(const nl::Message& message) noexcept override {
    const uint32_t before = reply_.ipvsServices.count();
    decodeMessage(message, {}, reply_);
    settleLast(reply_.ipvsServices, before, seen_);
  }

 private:
  seam::Reply& reply_;
  KeyIndex seen_;
};

class DestSink final : public nl::DumpSink {
 public:
  explicit DestSink(seam::Reply& reply) noexcept : reply_(reply) {}
  void begin(uint32_t service, uint16_t family) noexcept {
    context_ = {.op = 0, .service = service, .serviceFamily = family};
    seen_.clear();
  }
  void onData(const nl::Message& message) noexcept override {
    const uint32_t before = reply_.ipvsDests.count();
    decodeMessage(message, context_, reply_);
    settleLast(reply_.ipvsDests, before, seen_);
  }

 private:
  seam::Reply& reply_;
  MessageContext context_;
  KeyIndex seen_;
};

class PlainSink final : public nl::DumpSink {
 public:
  explicit PlainSink(seam::Reply& reply) noexcept : reply_(reply) {}
  void onData(const nl::Message& message) noexcept override { decodeMessage(message, {}, reply_); }

 private:
  seam::Reply& reply_;
};

/// Once more on a fresh socket when the first one ended in an unknown state. `restart` forgets what
/// came.
template <class Restart>
int dumpTwice(Endpoint& endpoint, Endpoint::DumpSize size, std::span<uint8_t> request,
              nl::DumpSink& sink, Restart restart) noexcept {
  nl::DumpOutcome outcome = endpoint.dump(size, request, sink);
  if (outcome.poisoned) {
    restart();
    outcome = endpoint.dump(size, request, sink);
  }
  return outcome.error;
}

}  // namespace

int Family::resolve() noexcept {
  const int id = endpoint_.resolveFamily(IPVS_GENL_NAME);
  if (id < 0) return id;
  id_ = static_cast<uint16_t>(id);
  return 0;
}

bool Family::resolveAgain() noexcept {
  const uint16_t before = id_;
  return resolve() == 0 && id_ != before;
}

void Family::run(std::span<const seam::IpvsOp> ops, bool stopOnError, seam::Reply& reply) noexcept {
  reply.tables |= seam::kIpvsServices | seam::kIpvsConfigs;
  LiveRequests requests(ops, *this, reply);
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint_, requests, stopOnError);
  reply.settled = outcome.settled;
  reply.overrun = outcome.overrun;
  reply.error = outcome.error;
}

void Family::dump(const seam::IpvsOp& op, seam::Reply& reply) noexcept {
  const auto attempt = [&]() noexcept {
    switch (op.command) {
      case IPVS_CMD_GET_SERVICE:
        return dumpServices(op, reply);
      case IPVS_CMD_GET_DEST: {
        reply.tables |= seam::kIpvsDests;
        nl::Bytes request;
        nl::MessageWriter writer(request);
        encode(op, id_, 0, true, writer);
        if (!writer.ok()) return -ENOMEM;
        return dumpDests({request.data(), request.size()}, 0, op.family, reply);
      }
      default: {
        reply.tables |= seam::kIpvsDaemons;
        nl::Bytes request;
        nl::MessageWriter writer(request);
        encode(op, id_, 0, true, writer);
        if (!writer.ok()) return -ENOMEM;
        PlainSink sink(reply);
        return dumpTwice(endpoint_, Endpoint::DumpSize::kSmall, {request.data(), request.size()},
                         sink, [&reply]() noexcept { reply.ipvsDaemons.clear(); });
      }
    }
  };
  reply.error = attempt();
  if (reply.error == -ENOENT && resolveAgain()) reply.error = attempt();
  reply.settled = 1;
}

int Family::dumpServices(const seam::IpvsOp& op, seam::Reply& reply) noexcept {
  const bool withDests = (op.parts & seam::kWithDestinations) != 0;
  reply.tables |= seam::kIpvsServices | (withDests ? uint32_t{seam::kIpvsDests} : 0U);
  seam::IpvsOp plain = op;
  plain.parts = 0;
  nl::Bytes request;
  nl::MessageWriter writer(request);
  encode(plain, id_, 0, true, writer);
  if (!writer.ok()) return -ENOMEM;
  ServiceSink first(reply);
  nl::DumpOutcome outcome =
      endpoint_.dump(Endpoint::DumpSize::kLarge, {request.data(), request.size()}, first);
  if (outcome.poisoned) {
    reply.ipvsServices.clear();
    ServiceSink second(reply);
    outcome = endpoint_.dump(Endpoint::DumpSize::kLarge, {request.data(), request.size()}, second);
  }
  if (outcome.error != 0 || !withDests) return outcome.error;
  return dumpDestsOfAll(op.quick != 0, reply);
}

int Family::dumpDestsOfAll(bool quick, seam::Reply& reply) noexcept {
  nl::Bytes request;
  DestSink sink(reply);
  const auto dumpOf = [&](uint32_t index) noexcept {
    const seam::IpvsService& service = reply.ipvsServices[index];
    request.clear();
    nl::MessageWriter writer(request);
    encodeGetDest(service, id_, writer);
    if (!writer.ok()) return -ENOMEM;
    const uint32_t before = reply.ipvsDests.count();
    const auto restart = [&]() noexcept {
      reply.ipvsDests.truncate(before);
      sink.begin(index, service.family);
    };
    restart();
    return dumpTwice(endpoint_, Endpoint::DumpSize::kSmall, {request.data(), request.size()}, sink,
                     restart);
  };
  QuickDests options;
  const bool fast = quick && options.open(endpoint_);
  for (uint32_t i = 0; i < reply.ipvsServices.count(); ++i) {
    if (fast && options.read(reply.ipvsServices[i], i, reply.ipvsDests)) continue;
    if (const int error = dumpOf(i); error != 0) return error;
  }
  if (!fast) return 0;
  nl::Table<uint32_t> again = options.dropMoved(reply.ipvsServices, reply.ipvsDests);
  for (const uint32_t index : again) {
    if (const int error = dumpOf(index); error != 0) return error;
  }
  return 0;
}

int Family::dumpDests(std::span<uint8_t> request, uint32_t service, uint16_t serviceFamily,
                      seam::Reply& reply) noexcept {
  DestSink sink(reply);
  sink.begin(service, serviceFamily);
  return dumpTwice(endpoint_, Endpoint::DumpSize::kSmall, request, sink, [&]() noexcept {
    reply.ipvsDests.clear();
    sink.begin(service, serviceFamily);
  });
}

}  // namespace ipvs
