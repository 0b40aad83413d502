#include "seam/channel.h"

#include <linux/netlink.h>

#include <cerrno>

#include "conntrack/flows.h"
#include "ipset/entry_run.h"
#include "ipset/load.h"
#include "ipset/sets.h"
#include "route/links.h"

namespace seam {

namespace {

// A part of a bulk load is 2 MB.
constexpr size_t kLargestSpare = size_t{4} * 1024 * 1024;

int protocolOf(Subsystem subsystem) noexcept {
  switch (subsystem) {
    case Subsystem::kIpvs:
      return NETLINK_GENERIC;
    case Subsystem::kIpset:
    case Subsystem::kConntrack:
      return NETLINK_NETFILTER;
    case Subsystem::kRoute:
      return NETLINK_ROUTE;
  }
  return -1;
}

}  // namespace

Channel::Channel(Subsystem subsystem, nl::Netns netns) noexcept
    : subsystem_(subsystem),
      counters_(std::make_shared<nl::Counters>()),
      endpoint_(protocolOf(subsystem), std::move(netns), counters_),
      family_(endpoint_) {}

OpenOutcome Channel::open() noexcept {
  const std::lock_guard lock(mutex_);
  const nl::Endpoint::OpenError failure = endpoint_.open();
  if (failure.error != 0) {
    const auto step = failure.entering ? OpenOutcome::Step::kNetns : OpenOutcome::Step::kSocket;
    return {.step = step, .error = failure.error};
  }
  if (subsystem_ == Subsystem::kIpvs) {
    if (const int error = family_.resolve(); error != 0) {
      endpoint_.close();
      return {.step = OpenOutcome::Step::kFamily, .error = error};
    }
  }
  return {.step = OpenOutcome::Step::kDone,
          .error = 0,
          .receiveBuffer = endpoint_.receiveBuffer(),
          .sendBuffer = endpoint_.sendBuffer()};
}

void Channel::run(const Request& request, Reply& reply) noexcept {
  const std::lock_guard lock(mutex_);
  switch (request.shape) {
    case Shape::kIpvsOp:
      family_.run(request.as<IpvsOp>(), request.stopOnError, reply);
      break;
    case Shape::kSetCommand:
      ipset::runCommands(endpoint_, request.as<SetCommand>(), request.stopOnError, reply);
      break;
    case Shape::kSetEntry: {
      const ipset::EntryJob job{
          .entries = request.as<SetEntry>(), .heap = request.heap.span(), .head = request.head};
      ipset::EntryPace pace;
      ipset::EntryRun(endpoint_, job, request.stopOnError, pace, reply).run();
      break;
    }
    case Shape::kLinkOp:
      route::runLinks(endpoint_, request.as<LinkOp>(), request.stopOnError, reply);
      break;
    case Shape::kConntrackOp:
      conntrack::deleteFlows(endpoint_, request.as<ConntrackOp>(), request.stopOnError, reply);
      break;
  }
  if (reply.outOfMemory()) reply.error = -ENOMEM;
}

void Channel::load(const Request& request, Reply& reply) noexcept {
  const std::lock_guard lock(mutex_);
  const ipset::LineJob job{
      .text = {reinterpret_cast<const char*>(request.text.data()), request.text.size()},
      .grammar = request.grammar,
      .head = request.head};
  elements_.clear();
  ipset::loadLines(endpoint_, job, request.stopOnError, elements_, reply);
  if (reply.outOfMemory()) reply.error = -ENOMEM;
}

void Channel::dump(const Request& request, Reply& reply) noexcept {
  const std::lock_guard lock(mutex_);
  switch (request.shape) {
    case Shape::kIpvsOp:
      family_.dump(request.as<IpvsOp>().front(), reply);
      break;
    case Shape::kSetCommand:
      ipset::dumpSets(endpoint_, request.as<SetCommand>().front(), request.inParts, reply);
      break;
    case Shape::kLinkOp:
      route::dumpLinks(endpoint_, request.as<LinkOp>().front(), reply);
      break;
    case Shape::kConntrackOp:
      conntrack::dumpFlows(endpoint_, request.as<ConntrackOp>().front(), reply);
      break;
    case Shape::kSetEntry:
      break;
  }
  if (reply.outOfMemory()) reply.error = -ENOMEM;
}

void Channel::giveSpare(nl::Bytes bytes) noexcept {
  if (closing() || bytes.capacity() == 0 || bytes.capacity() > kLargestSpare) return;
  bytes.clear();
  spare_ = std::move(bytes);
}

void Channel::close() noexcept {
  underWay_.wait(true);
  const std::lock_guard lock(mutex_);
  endpoint_.close();
  elements_ = {};
}

}  // namespace seam
