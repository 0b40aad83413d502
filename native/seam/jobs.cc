#include "seam/jobs.h"

#include <fcntl.h>

#include <cerrno>

#include "seam/handle.h"
#include "seam/pure.h"
#include "seam/values.h"

namespace seam {

namespace {

/// The namespace that the options name; the caller's own one for none. 0 or a negative errno.
int takeNetns(OpenOptions& options, nl::Netns& netns) noexcept {
  if (options.fdError != 0) return options.fdError;
  nl::Fd fd = std::move(options.fd);
  if (!options.path.empty()) {
    fd = nl::Fd(::open(options.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return -errno;
  }
  netns = nl::Netns(std::move(fd));
  return 0;
}

class OpenJob final : public Job {
 public:
  OpenJob(Subsystem subsystem, OpenOptions options) noexcept
      : subsystem_(subsystem), options_(std::move(options)) {}

  void execute() noexcept override {
    nl::Netns netns;
    if (const int error = takeNetns(options_, netns); error != 0) {
      outcome_ = {.step = OpenOutcome::Step::kNetns, .error = error};
      return;
    }
    channel_ = std::make_shared<Channel>(subsystem_, std::move(netns));
    outcome_ = channel_->open();
  }

  napi_value result(napi_env env) noexcept override {
    ObjectBuilder object(env);
    if (outcome_.step == OpenOutcome::Step::kDone) {
      object.set("handle", toHandle(env, std::move(channel_)))
          .set("receiveBuffer", static_cast<double>(outcome_.receiveBuffer))
          .set("sendBuffer", static_cast<double>(outcome_.sendBuffer));
    } else {
      object.set("step", nameOf(outcome_.step)).set("errno", static_cast<double>(outcome_.error));
    }
    return object.value();
  }

 private:
  static const char* nameOf(OpenOutcome::Step step) noexcept {
    switch (step) {
      case OpenOutcome::Step::kNetns:
        return "netns";
      case OpenOutcome::Step::kFamily:
        return "family";
      default:
        return "socket";
    }
  }

  Subsystem subsystem_;
  OpenOptions options_;
  std::shared_ptr<Channel> channel_;
  OpenOutcome outcome_;
};

/// What is below /proc/net and /proc/sys/net depends on who opens it, and stays so for whoever
/// reads it. A descriptor that nobody takes is closed.
class OpenFileJob final : public Job {
 public:
  OpenFileJob(OpenOptions options, std::string path, bool writing) noexcept
      : options_(std::move(options)), path_(std::move(path)), writing_(writing) {}

  void execute() noexcept override {
    nl::Netns netns;
    error_ = takeNetns(options_, netns);
    if (error_ == 0) {
      auto work = [this]() noexcept {
        entered_ = true;
        // Never created: these files are the kernel's.
        file_ = nl::Fd(::open(path_.c_str(), (writing_ ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
        if (!file_.valid()) error_ = -errno;
      };
      if (const int failed = netns.run(work); failed != 0) error_ = failed;
    }
  }

  napi_value result(napi_env env) noexcept override {
    ObjectBuilder object(env);
    if (error_ == 0) {
      object.set("fd", static_cast<double>(file_.get()));
      if (object.value() != nullptr) static_cast<void>(file_.release());
    } else {
      object.set("step", entered_ ? "file" : "netns").set("errno", static_cast<double>(error_));
    }
    return object.value();
  }

 private:
  OpenOptions options_;
  std::string path_;
  bool writing_;
  bool entered_ = false;
  int error_ = 0;
  nl::Fd file_;
};

class CloseJob final : public Job {
 public:
  explicit CloseJob(std::shared_ptr<Channel> channel) noexcept : channel_(std::move(channel)) {}
  void execute() noexcept override { channel_->close(); }
  napi_value result(napi_env /*env*/) noexcept override { return nullptr; }

 private:
  std::shared_ptr<Channel> channel_;
};

class ExchangeJob final : public Job {
 public:
  using Work = void (Channel::*)(const Request&, Reply&) noexcept;

  ExchangeJob(std::shared_ptr<Channel> channel, Request request, Work work) noexcept
      : channel_(std::move(channel)), request_(std::move(request)), work_(work) {}
  ~ExchangeJob() override { channel_->release(); }
  ExchangeJob(const ExchangeJob&) = delete;
  ExchangeJob& operator=(const ExchangeJob&) = delete;

  void execute() noexcept override {
    ((*channel_).*work_)(request_, reply_);
    channel_->finish();
  }
  napi_value result(napi_env env) noexcept override {
    channel_->giveSpare(std::move(request_.records));
    channel_->giveSpare(std::move(request_.text));
    // Before the promise settles: whoever awaits it may use the channel again.
    channel_->release();
    return toReply(env, reply_);
  }

 private:
  std::shared_ptr<Channel> channel_;
  Request request_;
  Work work_;
  Reply reply_;
};

class ParseJob final : public Job {
 public:
  explicit ParseJob(Request request) noexcept : request_(std::move(request)) {}
  void execute() noexcept override { parseText(request_, reply_); }
  napi_value result(napi_env env) noexcept override { return toReply(env, reply_); }

 private:
  Request request_;
  Reply reply_;
};

}  // namespace

std::unique_ptr<Job> makeOpenJob(Subsystem subsystem, OpenOptions options) {
  return std::make_unique<OpenJob>(subsystem, std::move(options));
}

std::unique_ptr<Job> makeOpenFileJob(OpenOptions options, std::string path, bool writing) {
  return std::make_unique<OpenFileJob>(std::move(options), std::move(path), writing);
}

std::unique_ptr<Job> makeCloseJob(std::shared_ptr<Channel> channel) {
  return std::make_unique<CloseJob>(std::move(channel));
}

std::unique_ptr<Job> makeRunJob(std::shared_ptr<Channel> channel, Request request) {
  return std::make_unique<ExchangeJob>(std::move(channel), std::move(request), &Channel::run);
}

std::unique_ptr<Job> makeLoadJob(std::shared_ptr<Channel> channel, Request request) {
  return std::make_unique<ExchangeJob>(std::move(channel), std::move(request), &Channel::load);
}

std::unique_ptr<Job> makeParseJob(Request request) {
  return std::make_unique<ParseJob>(std::move(request));
}

std::unique_ptr<Job> makeDumpJob(std::shared_ptr<Channel> channel, Request request) {
  return std::make_unique<ExchangeJob>(std::move(channel), std::move(request), &Channel::dump);
}

}  // namespace seam
