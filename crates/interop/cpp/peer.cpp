// The C++ library as the other side of a TCP connection.
//
//   peer server             serves Files on a free loopback port, prints "listening PORT"
//   peer client PORT BYTES  runs every scenario against a server, prints one line for each
//
// The client's exit code is 0 when all scenarios went as they must.

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <cstdio>
#include <cstdlib>

#include "files_server.h"

namespace {

constexpr size_t CHUNK_BYTES = 64 << 10;

// The byte at a position of the test file. The other side of a test knows the same rule.
uint8_t patternByte(uint64_t position) {
  return static_cast<uint8_t>((position * 2654435761ull) >> 16);
}

kj::Array<uint8_t> patternChunk(uint64_t offset, size_t length) {
  auto chunk = kj::heapArray<uint8_t>(length);
  for (size_t i = 0; i < length; i++) chunk[i] = patternByte(offset + i);
  return chunk;
}

// Writes without looking at what the server answers: all errors must come out of end().
void writePattern(ByteSink::Client sink, uint64_t bytes, kj::WaitScope& waitScope) {
  for (uint64_t offset = 0; offset < bytes; offset += CHUNK_BYTES) {
    auto request = sink.writeRequest();
    request.setChunk(patternChunk(offset, kj::min(CHUNK_BYTES, bytes - offset)));
    request.send().wait(waitScope);
  }
}

// The receiving end of Files.read: checks every byte against the pattern as it comes.
class PatternChecker final : public ByteSink::Server {
 public:
  explicit PatternChecker(uint64_t& received, bool& ended) : received(received), ended(ended) {}

  kj::Promise<void> write(WriteContext context) override {
    for (uint8_t byte : context.getParams().getChunk()) {
      KJ_REQUIRE(byte == patternByte(received), "a byte came back changed", received);
      received++;
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> end(EndContext context) override {
    ended = true;
    context.getResults().setTotal(received);
    return kj::READY_NOW;
  }

 private:
  uint64_t& received;
  bool& ended;
};

// A sink that fails once it has got so many bytes.
class FailingSink final : public ByteSink::Server {
 public:
  kj::Promise<void> write(WriteContext context) override {
    received += context.getParams().getChunk().size();
    KJ_REQUIRE(received <= 256 << 10, "this reader has had enough");
    return kj::READY_NOW;
  }

  kj::Promise<void> end(EndContext context) override { return kj::READY_NOW; }

 private:
  uint64_t received = 0;
};

void reportLine(kj::StringPtr line) {
  printf("%s\n", line.cStr());
  fflush(stdout);
}

void runClient(uint port, uint64_t bytes) {
  auto io = kj::setupAsyncIo();
  auto& waitScope = io.waitScope;
  auto address = io.provider->getNetwork().parseAddress("127.0.0.1", port).wait(waitScope);
  auto stream = address->connect().wait(waitScope);
  capnp::TwoPartyClient client(*stream);
  auto files = client.bootstrap().castAs<Files>();

  // Nothing is awaited between create() and the last write: the sink is a promised one.
  auto createRequest = files.createRequest();
  createRequest.setName("from-cpp.bin");
  createRequest.setSize(bytes);
  auto created = createRequest.send();
  auto sink = created.getSink();
  auto handle = created.getHandle();
  writePattern(sink, bytes, waitScope);
  auto total = sink.endRequest().send().wait(waitScope).getTotal();
  KJ_REQUIRE(total == bytes, "the server counted otherwise", total, bytes);
  reportLine(kj::str("uploaded ", total));

  bool listed = false;
  auto list = files.listRequest().send().wait(waitScope);
  for (auto entry : list.getEntries()) {
    listed |= entry.getName() == "from-cpp.bin" && entry.getSize() == bytes;
  }
  KJ_REQUIRE(listed, "list() does not name the uploaded file");
  reportLine("listed");

  uint64_t received = 0;
  bool ended = false;
  auto readRequest = files.readRequest();
  readRequest.setHandle(handle);
  readRequest.setInto(kj::heap<PatternChecker>(received, ended));
  readRequest.send().wait(waitScope);
  KJ_REQUIRE(received == bytes && ended, "read() lost something", received, ended);
  reportLine(kj::str("downloaded ", received));

  // A reader that fails in the midst of it makes read() fail with the reader's words.
  auto failingRequest = files.readRequest();
  failingRequest.setHandle(handle);
  failingRequest.setInto(kj::heap<FailingSink>());
  auto readFailure = kj::runCatchingExceptions([&]() { failingRequest.send().wait(waitScope); });
  auto& readError = KJ_REQUIRE_NONNULL(readFailure, "read() into a failing sink succeeded");
  reportLine(kj::str("read failed: ", readError.getDescription()));

  // Writing more than announced fails a write, and end() says why.
  auto smallRequest = files.createRequest();
  smallRequest.setName("too-small.bin");
  smallRequest.setSize(100 << 10);
  auto small = smallRequest.send().getSink();
  auto writeFailure = kj::runCatchingExceptions([&]() { writePattern(small, 1 << 20, waitScope); });
  KJ_IF_MAYBE (error, writeFailure) {
    reportLine(kj::str("write failed: ", error->getDescription()));
  }
  auto endFailure = kj::runCatchingExceptions([&]() { small.endRequest().send().wait(waitScope); });
  auto& endError = KJ_REQUIRE_NONNULL(endFailure, "end() succeeded after a failed write");
  reportLine(kj::str("end failed: ", endError.getDescription()));

  // And the connection is still good.
  files.listRequest().send().wait(waitScope);
  reportLine("still connected");
}

void runServer() {
  auto io = kj::setupAsyncIo();
  auto& waitScope = io.waitScope;
  capnp::TwoPartyServer server(kj::heap<FilesServer>());
  auto address = io.provider->getNetwork().parseAddress("127.0.0.1", 0).wait(waitScope);
  auto receiver = address->listen();
  reportLine(kj::str("listening ", receiver->getPort()));
  server.listen(*receiver).wait(waitScope);
}

}  // namespace

int main(int argc, char** argv) {
  auto failure = kj::runCatchingExceptions([&]() {
    if (argc == 2 && kj::StringPtr(argv[1]) == "server") {
      runServer();
    } else if (argc == 4 && kj::StringPtr(argv[1]) == "client") {
      runClient(static_cast<uint>(atoi(argv[2])), strtoull(argv[3], nullptr, 10));
    } else {
      KJ_FAIL_REQUIRE("usage: peer server | peer client PORT BYTES");
    }
  });
  KJ_IF_MAYBE (exception, failure) {
    fprintf(stderr, "%s\n", kj::str(*exception).cStr());
    return 1;
  }
  return 0;
}
