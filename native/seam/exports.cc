#include "seam/exports.h"

#include <netlink/version.h>

#include "seam/args.h"
#include "seam/handle.h"
#include "seam/jobs.h"
#include "seam/pure.h"
#include "seam/values.h"

namespace seam {

namespace {

Napi::Value wrap(const Napi::CallbackInfo& info, napi_value value) {
  return value == nullptr ? info.Env().Undefined() : Napi::Value(info.Env(), value);
}

std::shared_ptr<Channel> handleArg(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = fromHandle(info.Env(), info[0]);
  if (channel == nullptr) throwType(info.Env(), "argument 1 must be a handle from open()");
  return channel;
}

/// Claim an open channel of the subsystem that the shape belongs to; false with an error pending
/// when that cannot be.
bool claim(Napi::Env env, Channel& channel, Shape shape) {
  if (channel.subsystem() != subsystemOf(shape)) {
    throwType(env, "the handle belongs to another subsystem");
    return false;
  }
  if (channel.closing()) {
    napi_throw_type_error(env, "ERR_CLOSED", "the handle is closed");
    return false;
  }
  if (!channel.claim()) {
    napi_throw_type_error(env, "ERR_BUSY", "a call on this handle is under way");
    return false;
  }
  return true;
}

/// Shape, records, heap and options from the arguments behind `first`. The records go into
/// `memory`.
std::optional<Request> requestArgs(const Napi::CallbackInfo& info, size_t first, nl::Bytes memory) {
  const std::optional<Shape> shape = shapeArg(info, first);
  if (!shape) return std::nullopt;
  Request request;
  request.shape = *shape;
  request.records = std::move(memory);
  // Options first: reading them may run getters, and the views below must not outlive JavaScript
  // code.
  if (!runOptionsArg(info, first + 3, request)) return std::nullopt;
  if (!bytesArg(info, first + 1, request.records)) return std::nullopt;
  const auto heap = viewArg(info, first + 2);
  if (!heap) return std::nullopt;
  if (!takeHeap(request, *heap)) {
    throwRange(info.Env(), "the heap is too large");
    return std::nullopt;
  }
  if (const auto problem = misuseOfRun(request)) {
    throwRange(info.Env(), *problem);
    return std::nullopt;
  }
  return request;
}

}  // namespace

Napi::Value open(const Napi::CallbackInfo& info) {
  const std::optional<Subsystem> subsystem = subsystemArg(info, 0);
  std::optional<OpenOptions> options = subsystem ? openOptionsArg(info, 1) : std::nullopt;
  if (!options) return info.Env().Undefined();
  return wrap(info,
              startJob(info.Env(), "ipvs.open", makeOpenJob(*subsystem, std::move(*options))));
}

Napi::Value openFile(const Napi::CallbackInfo& info) {
  std::optional<std::string> path = pathArg(info, 0);
  const std::optional<bool> writing = path ? booleanArg(info, 1) : std::nullopt;
  std::optional<OpenOptions> options = writing ? openOptionsArg(info, 2) : std::nullopt;
  if (!options) return info.Env().Undefined();
  return wrap(info, startJob(info.Env(), "ipvs.openFile",
                             makeOpenFileJob(std::move(*options), std::move(*path), *writing)));
}

Napi::Value close(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  channel->startClosing();
  return wrap(info, startJob(info.Env(), "ipvs.close", makeCloseJob(std::move(channel))));
}

Napi::Value run(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  std::optional<Request> request = requestArgs(info, 1, channel->takeSpare());
  if (!request || !claim(info.Env(), *channel, request->shape)) return info.Env().Undefined();
  return wrap(
      info, startJob(info.Env(), "ipvs.run", makeRunJob(std::move(channel), std::move(*request))));
}

Napi::Value load(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  Request request;
  request.shape = Shape::kSetEntry;
  request.text = channel->takeSpare();
  // Options first, as in requestArgs().
  if (!runOptionsArg(info, 3, request) || !textArgs(info, 1, request)) {
    return info.Env().Undefined();
  }
  if (const auto problem = misuseOfLoad(request)) {
    throwRange(info.Env(), *problem);
    return info.Env().Undefined();
  }
  if (!claim(info.Env(), *channel, request.shape)) return info.Env().Undefined();
  return wrap(
      info, startJob(info.Env(), "ipvs.load", makeLoadJob(std::move(channel), std::move(request))));
}

Napi::Value parse(const Napi::CallbackInfo& info) {
  Request request;
  if (!textArgs(info, 0, request)) return info.Env().Undefined();
  return wrap(info, startJob(info.Env(), "ipvs.parse", makeParseJob(std::move(request))));
}

Napi::Value dump(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = handleArg(info);
  const std::optional<Shape> shape = channel == nullptr ? std::nullopt : shapeArg(info, 1);
  if (!shape) return info.Env().Undefined();
  Request request;
  request.shape = *shape;
  if (!dumpOptionsArg(info, 3, request) || !bytesArg(info, 2, request.records)) {
    return info.Env().Undefined();
  }
  if (const auto problem = misuseOfDump(request)) {
    throwRange(info.Env(), *problem);
    return info.Env().Undefined();
  }
  if (!claim(info.Env(), *channel, request.shape)) return info.Env().Undefined();
  return wrap(
      info, startJob(info.Env(), "ipvs.dump", makeDumpJob(std::move(channel), std::move(request))));
}

Napi::Value counters(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  return wrap(info, toCounters(info.Env(), channel->counters()));
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  const std::optional<Request> request = requestArgs(info, 0, {});
  if (!request) return info.Env().Undefined();
  nl::Bytes bytes;
  const uint32_t messages = encodeRun(*request, bytes);
  ObjectBuilder object(info.Env());
  object.set("bytes", toUint8Array(info.Env(), std::move(bytes)))
      .set("messages", static_cast<double>(messages));
  return wrap(info, object.value());
}

Napi::Value decode(const Napi::CallbackInfo& info) {
  const std::optional<Subsystem> subsystem = subsystemArg(info, 0);
  const auto bytes = subsystem ? viewArg(info, 1) : std::nullopt;
  if (!bytes) return info.Env().Undefined();
  Reply reply;
  decodeDatagrams(*subsystem, *bytes, reply);
  return wrap(info, toReply(info.Env(), reply));
}

Napi::Value layouts(const Napi::CallbackInfo& info) { return wrap(info, toLayouts(info.Env())); }

Napi::Value versions(const Napi::CallbackInfo& info) {
  uint32_t napi = 0;
  napi_get_version(info.Env(), &napi);
  ObjectBuilder object(info.Env());
  object.set("libnl", LIBNL_VERSION).set("napi", static_cast<double>(napi));
  return wrap(info, object.value());
}

}  // namespace seam
