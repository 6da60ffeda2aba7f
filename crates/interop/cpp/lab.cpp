// The laboratory of schemas/lab.capnp on the C++ library, over TCP or over WebSocket.
//
//   lab server tcp|ws        serves on a free loopback port, prints "listening PORT"
//   lab client tcp|ws PORT   does with a server everything there is to do, prints a line for each
//   lab lose tcp|ws PORT     prints "hanging" when a call is under way, and how it fails when the server ends
//
// A client's exit code is 0 when everything went as it must.

#include <capnp/compat/websocket-rpc.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <cstdio>
#include <cstdlib>

#include "lab_objects.h"

namespace {

void reportLine(kj::StringPtr line) {
  printf("%s\n", line.cStr());
  fflush(stdout);
}

// ---- the client ----

class Checks {
 public:
  Checks(Lab::Client lab, kj::WaitScope& waitScope) : lab(kj::mv(lab)), waitScope(waitScope) {}

  void all() {
    calculator();
    reportLine("calculator");
    callbacks();
    reportLine("callbacks");
    capabilitiesBothWays();
    reportLine("capabilities both ways");
    for (uint i = 0; i < 20; i++) orderThroughAnEcho();
    reportLine("order through an echo");
    for (uint i = 0; i < 20; i++) theirPromiseOfOurObject();
    reportLine("their promise of our object");
    theirPromiseOfTheirObject();
    reportLine("their promise of their object");
    theirPromiseThatBreaks();
    reportLine("their promise that breaks");
    ourPromises();
    reportLine("our promises");
    streams();
    reportLine("streams");
    errors();
    reportLine("errors");
    cancellation();
    reportLine("cancellation");
    tailCalls();
    reportLine("tail calls");
    calculator();
    reportLine("still connected");
  }

  void lose() {
    auto hanging = lab.hangRequest().send();
    calculator();
    reportLine("hanging");
    auto failure = kj::runCatchingExceptions([&]() { hanging.wait(waitScope); });
    expect(failure, kj::Exception::Type::DISCONNECTED, "");
    auto again = kj::runCatchingExceptions([&]() { canceled(); });
    expect(again, kj::Exception::Type::DISCONNECTED, "");
    reportLine("disconnected");
  }

 private:
  Lab::Client lab;
  kj::WaitScope& waitScope;

  Number::Client number(double value) {
    auto request = lab.numberRequest();
    request.setValue(value);
    return request.send().getNumber();
  }

  Function::Client op(Operator op) {
    auto request = lab.operatorRequest();
    request.setOperator(op);
    return request.send().getFunction();
  }

  Number::Client apply(Function::Client function, Number::Client first, Number::Client second) {
    auto request = lab.applyRequest();
    request.setFunction(kj::mv(function));
    auto numbers = request.initNumbers(2);
    numbers.set(0, kj::mv(first));
    numbers.set(1, kj::mv(second));
    return request.send().getNumber();
  }

  double read(Number::Client number) {
    return number.readRequest().send().wait(waitScope).getValue();
  }

  void calculator() {
    auto sum = apply(op(Operator::ADD), number(2), number(3));
    auto product = apply(op(Operator::MULTIPLY), sum, number(4));
    KJ_REQUIRE(read(product) == 20);
  }

  void callbacks() {
    auto result = apply(kj::heap<Power>(), kj::heap<ANumber>(2), kj::heap<ANumber>(10));
    KJ_REQUIRE(read(result) == 1024);
  }

  kj::Promise<void> relay(Log::Client log, uint from, uint to) {
    auto request = lab.relayRequest();
    request.setLog(kj::mv(log));
    auto numbers = request.initNumbers(to - from);
    for (uint i = 0; i < to - from; i++) numbers.set(i, from + i);
    return request.send().ignoreResult();
  }

  void requireCount(kj::ArrayPtr<const uint32_t> notes, uint count) {
    KJ_REQUIRE(notes.size() == count, "notes are missing", notes.size(), count);
    for (uint i = 0; i < count; i++) KJ_REQUIRE(notes[i] == i, "out of order", notes);
  }

  void requireNoted(Log::Client log, uint count) {
    auto response = log.notesRequest().send().wait(waitScope);
    kj::Vector<uint32_t> notes;
    for (auto note : response.getNumbers()) notes.add(note);
    requireCount(notes, count);
  }

  void capabilitiesBothWays() {
    auto notes = kj::refcounted<Notes>();
    relay(kj::heap<ALog>(kj::addRef(*notes)), 0, 100).wait(waitScope);
    requireCount(notes->numbers, 100);
    auto theirs = lab.newLogRequest().send().getLog();
    relay(theirs, 0, 100).wait(waitScope);
    requireNoted(theirs, 100);
  }

  void note(kj::Vector<kj::Promise<void>>& waiting, Log::Client& log, uint from, uint to) {
    for (uint i = from; i < to; i++) waiting.add(::note(log, i));
  }

  void waitForAll(kj::Vector<kj::Promise<void>>& waiting) {
    for (auto& promise : waiting) promise.wait(waitScope);
  }

  void orderThroughAnEcho() {
    auto notes = kj::refcounted<Notes>();
    auto request = lab.echoRequest();
    request.setLog(kj::heap<ALog>(kj::addRef(*notes)));
    auto echo = request.send();
    auto promised = echo.getLog();
    kj::Vector<kj::Promise<void>> waiting;
    note(waiting, promised, 0, 10);
    auto response = echo.wait(waitScope);
    note(waiting, promised, 10, 30);
    waitForAll(waiting);
    requireCount(notes->numbers, 30);
  }

  kj::Promise<void> open(Lab::Gate::Client gate, Log::Client log) {
    auto request = gate.openRequest();
    request.setLog(kj::mv(log));
    return request.send().ignoreResult();
  }

  void theirPromiseOfOurObject() {
    auto later = lab.laterRequest().send().wait(waitScope);
    auto log = later.getLog();
    auto notes = kj::refcounted<Notes>();
    kj::Vector<kj::Promise<void>> waiting;
    note(waiting, log, 0, 10);
    auto opened = open(later.getGate(), kj::heap<ALog>(kj::addRef(*notes)));
    note(waiting, log, 10, 20);
    opened.wait(waitScope);
    note(waiting, log, 20, 30);
    waitForAll(waiting);
    requireCount(notes->numbers, 30);
  }

  void theirPromiseOfTheirObject() {
    auto later = lab.laterRequest().send().wait(waitScope);
    auto log = later.getLog();
    auto theirs = lab.newLogRequest().send().getLog();
    kj::Vector<kj::Promise<void>> waiting;
    note(waiting, log, 0, 10);
    auto opened = open(later.getGate(), theirs);
    note(waiting, log, 10, 20);
    opened.wait(waitScope);
    note(waiting, log, 20, 30);
    waitForAll(waiting);
    requireNoted(theirs, 30);
  }

  void theirPromiseThatBreaks() {
    auto later = lab.laterRequest().send().wait(waitScope);
    auto log = later.getLog();
    auto before = ::note(log, 1);
    auto request = later.getGate().breakRequest();
    request.setReason("the log was burnt");
    request.send().wait(waitScope);
    auto first = kj::runCatchingExceptions([&]() { before.wait(waitScope); });
    expect(first, kj::Exception::Type::FAILED, "the log was burnt");
    auto second = kj::runCatchingExceptions([&]() { ::note(log, 2).wait(waitScope); });
    expect(second, kj::Exception::Type::FAILED, "the log was burnt");
  }

  void ourPromises() {
    for (uint whose = 0; whose < 3; whose++) {
      auto notes = kj::refcounted<Notes>();
      Log::Client mine = kj::heap<ALog>(kj::addRef(*notes));
      auto theirs = lab.newLogRequest().send().wait(waitScope).getLog();
      auto paf = kj::newPromiseAndFulfiller<Log::Client>();
      Log::Client promise = kj::mv(paf.promise);
      kj::Vector<kj::Promise<void>> waiting;
      waiting.add(relay(promise, 0, 10));
      waiting.add(relay(promise, 10, 20));
      calculator();
      if (whose == 0) paf.fulfiller->fulfill(kj::mv(mine));
      if (whose == 1) paf.fulfiller->fulfill(kj::cp(theirs));
      if (whose == 2) paf.fulfiller->reject(KJ_EXCEPTION(FAILED, "there is no log"));
      waiting.add(relay(promise, 20, 30));
      if (whose == 2) {
        for (auto& relayed : waiting) {
          auto failure = kj::runCatchingExceptions([&]() { relayed.wait(waitScope); });
          expect(failure, kj::Exception::Type::FAILED, "there is no log");
        }
        continue;
      }
      waitForAll(waiting);
      if (whose == 0) requireCount(notes->numbers, 30);
      if (whose == 1) requireNoted(theirs, 30);
    }
  }

  void streams() {
    constexpr uint CHUNKS = 200;
    auto theirs = lab.sinkRequest().send().getSink();
    auto bytes = pour(theirs, CHUNKS).wait(waitScope);
    KJ_REQUIRE(bytes == CHUNKS * CHUNK_BYTES, bytes);
    auto request = lab.pourRequest();
    request.setInto(kj::heap<ASink>());
    request.setChunks(CHUNKS);
    bytes = request.send().wait(waitScope).getBytes();
    KJ_REQUIRE(bytes == CHUNKS * CHUNK_BYTES, bytes);
  }

  void expect(kj::Maybe<kj::Exception>& failure, kj::Exception::Type type, kj::StringPtr part) {
    auto& exception = KJ_REQUIRE_NONNULL(failure, "a call that must fail did not");
    KJ_REQUIRE(exception.getType() == type, exception);
    KJ_REQUIRE(strstr(exception.getDescription().cStr(), part.cStr()) != nullptr, exception);
  }

  void errors() {
    for (uint kind = 0; kind < 4; kind++) {
      auto text = kj::str("of kind ", kind);
      auto request = lab.failRequest();
      request.setKind(kind);
      request.setReason(text);
      auto failure = kj::runCatchingExceptions([&]() { request.send().wait(waitScope); });
      expect(failure, kj::Exception::Type(kind), text);
    }
    auto request = lab.castAs<Function>().callRequest();
    auto failure = kj::runCatchingExceptions([&]() { request.send().wait(waitScope); });
    expect(failure, kj::Exception::Type::UNIMPLEMENTED, "");
  }

  uint canceled() { return lab.canceledRequest().send().wait(waitScope).getCount(); }

  void cancellation() {
    auto before = canceled();
    {
      auto hanging = lab.hangRequest().send();
      calculator();
    }
    while (canceled() == before) {
    }
    KJ_REQUIRE(canceled() == before + 1);
  }

  void tailCalls() {
    Function::Client functions[] = {op(Operator::SUBTRACT), kj::heap<Power>()};
    double expected[] = {5, 512};
    for (uint i = 0; i < 2; i++) {
      auto request = lab.tailRequest();
      request.setTo(functions[i]);
      request.setParams({8, 3});
      auto value = request.send().wait(waitScope).getValue();
      KJ_REQUIRE(value == expected[i], value);
    }
  }
};

// ---- the networks ----

// What both ends of a WebSocket need, once it is open.
struct WebSocketEnd {
  kj::Own<kj::WebSocket> socket;
  capnp::WebSocketMessageStream stream;
  capnp::TwoPartyVatNetwork network;

  WebSocketEnd(kj::Own<kj::WebSocket> opened, capnp::rpc::twoparty::Side side)
      : socket(kj::mv(opened)), stream(*socket), network(stream, side) {}
};

class WebSocketService final : public kj::HttpService {
 public:
  WebSocketService(const kj::HttpHeaderTable& table, Lab::Client lab)
      : table(table), lab(kj::mv(lab)) {}

  kj::Promise<void> request(kj::HttpMethod, kj::StringPtr, const kj::HttpHeaders& headers,
                            kj::AsyncInputStream&, Response& response) override {
    if (!headers.isWebSocket()) return response.sendError(426, "Upgrade Required", table);
    auto end = kj::heap<WebSocketEnd>(response.acceptWebSocket(kj::HttpHeaders(table)),
                                      capnp::rpc::twoparty::Side::SERVER);
    auto system = kj::heap(capnp::makeRpcServer(end->network, lab));
    auto disconnected = end->network.onDisconnect();
    return disconnected.attach(kj::mv(system), kj::mv(end));
  }

 private:
  const kj::HttpHeaderTable& table;
  Lab::Client lab;
};

void runServer(bool webSocket) {
  auto io = kj::setupAsyncIo();
  auto& waitScope = io.waitScope;
  Lab::Client lab = kj::heap<LabServer>();
  auto address = io.provider->getNetwork().parseAddress("127.0.0.1", 0).wait(waitScope);
  auto receiver = address->listen();
  reportLine(kj::str("listening ", receiver->getPort()));
  if (webSocket) {
    kj::HttpHeaderTable table;
    WebSocketService service(table, lab);
    kj::HttpServer server(io.provider->getTimer(), table, service);
    server.listenHttp(*receiver).wait(waitScope);
  } else {
    capnp::TwoPartyServer server(lab);
    server.listen(*receiver).wait(waitScope);
  }
}

void runClient(bool webSocket, uint port, bool lose) {
  auto io = kj::setupAsyncIo();
  auto& waitScope = io.waitScope;
  auto& network = io.provider->getNetwork();
  auto check = [&](Lab::Client lab) {
    Checks checks(kj::mv(lab), waitScope);
    if (lose) {
      checks.lose();
    } else {
      checks.all();
    }
  };
  if (webSocket) {
    kj::HttpHeaderTable table;
    auto http = kj::newHttpClient(io.provider->getTimer(), table, network, nullptr,
                                  [] {
                                    kj::HttpClientSettings settings;
                                    static auto entropy = kj::heap<FixedEntropy>();
                                    settings.entropySource = *entropy;
                                    return settings;
                                  }());
    auto url = kj::str("http://127.0.0.1:", port, "/");
    auto response = http->openWebSocket(url, kj::HttpHeaders(table)).wait(waitScope);
    KJ_REQUIRE(response.webSocketOrBody.is<kj::Own<kj::WebSocket>>(), response.statusCode);
    WebSocketEnd end(kj::mv(response.webSocketOrBody.get<kj::Own<kj::WebSocket>>()),
                     capnp::rpc::twoparty::Side::CLIENT);
    auto system = capnp::makeRpcClient(end.network);
    capnp::MallocMessageBuilder message;
    auto vatId = message.initRoot<capnp::rpc::twoparty::VatId>();
    vatId.setSide(capnp::rpc::twoparty::Side::SERVER);
    check(system.bootstrap(vatId).castAs<Lab>());
  } else {
    auto address = network.parseAddress("127.0.0.1", port).wait(waitScope);
    auto stream = address->connect().wait(waitScope);
    capnp::TwoPartyClient client(*stream);
    check(client.bootstrap().castAs<Lab>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  kj::StringPtr what = argc > 1 ? argv[1] : "";
  bool webSocket = argc > 2 && kj::StringPtr(argv[2]) == "ws";
  auto failure = kj::runCatchingExceptions([&]() {
    if (argc == 3 && what == "server") {
      runServer(webSocket);
    } else if (argc == 4 && (what == "client" || what == "lose")) {
      runClient(webSocket, static_cast<uint>(atoi(argv[3])), what == "lose");
    } else {
      KJ_FAIL_REQUIRE("usage: lab server tcp|ws | lab client|lose tcp|ws PORT");
    }
  });
  KJ_IF_MAYBE (exception, failure) {
    fprintf(stderr, "%s\n", kj::str(*exception).cStr());
    return 1;
  }
  return 0;
}
