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

/// An open channel of the subsystem that the shape belongs to, claimed for one job.
std::shared_ptr<Channel> claimedArg(const Napi::CallbackInfo& info, Shape shape) {
  std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return nullptr;
  if (channel->subsystem() != subsystemOf(shape)) {
    throwType(info.Env(), "the handle belongs to another subsystem");
    return nullptr;
  }
  if (channel->closing()) {
    napi_throw_type_error(info.Env(), "ERR_CLOSED", "the handle is closed");
    return nullptr;
  }
  if (!channel->claim()) {
    napi_throw_type_error(info.Env(), "ERR_BUSY", "a call on this handle is under way");
    return nullptr;
  }
  return channel;
}

/// Shape, records, heap and options from the arguments behind `first`.
std::optional<Request> requestArgs(const Napi::CallbackInfo& info, size_t first) {
  const std::optional<Shape> shape = shapeArg(info, first);
  if (!shape) return std::nullopt;
  Request request;
  request.shape = *shape;
  // Options first: reading them may run getters, and the views below must not outlive JavaScript
  // code.
  if (!runOptionsArg(info, first + 3, request)) return std::nullopt;
  std::optional<nl::Bytes> records = bytesArg(info, first + 1);
  const auto heap = records ? viewArg(info, first + 2) : std::nullopt;
  if (!heap) return std::nullopt;
  request.records = std::move(*records);
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

Napi::Value close(const Napi::CallbackInfo& info) {
  std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  channel->startClosing();
  return wrap(info, startJob(info.Env(), "ipvs.close", makeCloseJob(std::move(channel))));
}

Napi::Value run(const Napi::CallbackInfo& info) {
  std::optional<Request> request = requestArgs(info, 1);
  std::shared_ptr<Channel> channel = request ? claimedArg(info, request->shape) : nullptr;
  if (channel == nullptr) return info.Env().Undefined();
  return wrap(
      info, startJob(info.Env(), "ipvs.run", makeRunJob(std::move(channel), std::move(*request))));
}

Napi::Value dump(const Napi::CallbackInfo& info) {
  const std::optional<Shape> shape = shapeArg(info, 1);
  std::optional<nl::Bytes> record = shape ? bytesArg(info, 2) : std::nullopt;
  if (!record) return info.Env().Undefined();
  Request request;
  request.shape = *shape;
  request.records = std::move(*record);
  if (const auto problem = misuseOfDump(request)) {
    throwRange(info.Env(), *problem);
    return info.Env().Undefined();
  }
  std::shared_ptr<Channel> channel = claimedArg(info, request.shape);
  if (channel == nullptr) return info.Env().Undefined();
  return wrap(
      info, startJob(info.Env(), "ipvs.dump", makeDumpJob(std::move(channel), std::move(request))));
}

Napi::Value counters(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Channel> channel = handleArg(info);
  if (channel == nullptr) return info.Env().Undefined();
  return wrap(info, toCounters(info.Env(), channel->counters()));
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  const std::optional<Request> request = requestArgs(info, 0);
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
  const std::optional<nl::Bytes> bytes = subsystem ? bytesArg(info, 1) : std::nullopt;
  if (!bytes) return info.Env().Undefined();
  Reply reply;
  decodeDatagrams(*subsystem, bytes->span(), reply);
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
