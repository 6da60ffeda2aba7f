// The objects of schemas/lab.capnp on the C++ library: a server has them all, a client some.
#pragma once

#include <capnp/capability.h>
#include <kj/async.h>
#include <kj/compat/http.h>
#include <kj/debug.h>
#include <kj/vector.h>

#include <cmath>
#include <cstring>

#include "lab.capnp.h"

constexpr size_t CHUNK_BYTES = 10000;

class ANumber final : public Number::Server {
 public:
  explicit ANumber(double value) : value(value) {}

  kj::Promise<void> read(ReadContext context) override {
    context.getResults().setValue(value);
    return kj::READY_NOW;
  }

 private:
  double value;
};

class AnOperator final : public Function::Server {
 public:
  explicit AnOperator(Operator op) : op(op) {}

  kj::Promise<void> call(CallContext context) override {
    auto params = context.getParams().getParams();
    KJ_REQUIRE(params.size() == 2, "an operator takes two numbers");
    double a = params[0], b = params[1], value = 0;
    switch (op) {
      case Operator::ADD: value = a + b; break;
      case Operator::SUBTRACT: value = a - b; break;
      case Operator::MULTIPLY: value = a * b; break;
      case Operator::DIVIDE: value = a / b; break;
    }
    context.getResults().setValue(value);
    return kj::READY_NOW;
  }

 private:
  Operator op;
};

// What a server does not have: so it has to call back.
class Power final : public Function::Server {
 public:
  kj::Promise<void> call(CallContext context) override {
    auto params = context.getParams().getParams();
    context.getResults().setValue(std::pow(params[0], params[1]));
    return kj::READY_NOW;
  }
};

// What was noted in a log, in order.
struct Notes : public kj::Refcounted {
  kj::Vector<uint32_t> numbers;
};

class ALog final : public Log::Server {
 public:
  explicit ALog(kj::Own<Notes> kept) : kept(kj::mv(kept)) {}

  kj::Promise<void> note(NoteContext context) override {
    kept->numbers.add(context.getParams().getNumber());
    return kj::READY_NOW;
  }

  kj::Promise<void> notes(NotesContext context) override {
    auto& numbers = kept->numbers;
    auto list = context.getResults().initNumbers(numbers.size());
    for (size_t i = 0; i < numbers.size(); i++) list.set(i, numbers[i]);
    return kj::READY_NOW;
  }

 private:
  kj::Own<Notes> kept;
};

class ASink final : public Sink::Server {
 public:
  kj::Promise<void> write(WriteContext context) override {
    // A stream's calls come one at a time: without a pause that would prove nothing.
    auto before = bytes;
    auto size = context.getParams().getChunk().size();
    return kj::evalLater([this, before, size]() { bytes = before + size; });
  }

  kj::Promise<void> end(EndContext context) override {
    context.getResults().setBytes(bytes);
    return kj::READY_NOW;
  }

 private:
  uint64_t bytes = 0;
};

inline kj::Promise<void> note(Log::Client& log, uint32_t number) {
  auto request = log.noteRequest();
  request.setNumber(number);
  return request.send().ignoreResult();
}

inline kj::Promise<uint64_t> pour(Sink::Client into, uint chunks) {
  if (chunks == 0) {
    return into.endRequest().send().then([](auto&& response) { return response.getBytes(); });
  }
  auto request = into.writeRequest();
  auto chunk = request.initChunk(CHUNK_BYTES);
  memset(chunk.begin(), 7, chunk.size());
  return request.send().then([into, chunks]() mutable { return pour(kj::mv(into), chunks - 1); });
}

class AGate final : public Lab::Gate::Server {
 public:
  explicit AGate(kj::Own<kj::PromiseFulfiller<Log::Client>> fulfiller)
      : fulfiller(kj::mv(fulfiller)) {}

  kj::Promise<void> open(OpenContext context) override {
    fulfiller->fulfill(context.getParams().getLog());
    return kj::READY_NOW;
  }

  kj::Promise<void> break_(BreakContext context) override {
    auto reason = context.getParams().getReason();
    fulfiller->reject(kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(reason)));
    return kj::READY_NOW;
  }

 private:
  kj::Own<kj::PromiseFulfiller<Log::Client>> fulfiller;
};

class LabServer final : public Lab::Server {
 public:
  kj::Promise<void> number(NumberContext context) override {
    auto value = context.getParams().getValue();
    context.getResults().setNumber(kj::heap<ANumber>(value));
    return kj::READY_NOW;
  }

  kj::Promise<void> operator_(OperatorContext context) override {
    context.getResults().setFunction(kj::heap<AnOperator>(context.getParams().getOperator()));
    return kj::READY_NOW;
  }

  kj::Promise<void> apply(ApplyContext context) override {
    kj::Vector<kj::Promise<double>> reading;
    for (auto number : context.getParams().getNumbers()) {
      reading.add(number.readRequest().send().then([](auto&& read) { return read.getValue(); }));
    }
    auto numbers = kj::joinPromises(reading.releaseAsArray());
    return numbers
        .then([context](kj::Array<double> values) mutable {
          auto request = context.getParams().getFunction().callRequest();
          auto params = request.initParams(values.size());
          for (size_t i = 0; i < values.size(); i++) params.set(i, values[i]);
          return request.send();
        })
        .then([context](auto&& result) mutable {
          context.getResults().setNumber(kj::heap<ANumber>(result.getValue()));
        });
  }

  kj::Promise<void> echo(EchoContext context) override {
    context.getResults().setLog(context.getParams().getLog());
    return kj::READY_NOW;
  }

  kj::Promise<void> later(LaterContext context) override {
    auto paf = kj::newPromiseAndFulfiller<Log::Client>();
    auto results = context.getResults();
    results.setLog(kj::mv(paf.promise));
    results.setGate(kj::heap<AGate>(kj::mv(paf.fulfiller)));
    return kj::READY_NOW;
  }

  kj::Promise<void> newLog(NewLogContext context) override {
    context.getResults().setLog(kj::heap<ALog>(kj::refcounted<Notes>()));
    return kj::READY_NOW;
  }

  kj::Promise<void> relay(RelayContext context) override {
    auto log = context.getParams().getLog();
    auto promises = KJ_MAP(number, context.getParams().getNumbers()) { return note(log, number); };
    return kj::joinPromises(kj::mv(promises));
  }

  kj::Promise<void> sink(SinkContext context) override {
    context.getResults().setSink(kj::heap<ASink>());
    return kj::READY_NOW;
  }

  kj::Promise<void> pour(PourContext context) override {
    auto params = context.getParams();
    return ::pour(params.getInto(), params.getChunks()).then([context](uint64_t bytes) mutable {
      context.getResults().setBytes(bytes);
    });
  }

  kj::Promise<void> fail(FailContext context) override {
    auto params = context.getParams();
    return kj::Exception(kj::Exception::Type(params.getKind()), __FILE__, __LINE__,
                         kj::str(params.getReason()));
  }

  kj::Promise<void> hang(HangContext context) override {
    context.allowCancellation();
    kj::Promise<void> never = kj::NEVER_DONE;
    return never.attach(kj::defer([this]() { canceledCount++; }));
  }

  kj::Promise<void> canceled(CanceledContext context) override {
    context.getResults().setCount(canceledCount);
    return kj::READY_NOW;
  }

  kj::Promise<void> tail(TailContext context) override {
    auto request = context.getParams().getTo().callRequest();
    request.setParams(context.getParams().getParams());
    return context.tailCall(kj::mv(request));
  }

 private:
  uint canceledCount = 0;
};

// The masks of WebSocket frames need not be secret on a loopback interface.
class FixedEntropy final : public kj::EntropySource {
 public:
  void generate(kj::ArrayPtr<kj::byte> buffer) override { memset(buffer.begin(), 42, buffer.size()); }
};
