// The Files interface over memory, on the C++ library.
#pragma once

#include <capnp/capability.h>
#include <kj/async.h>
#include <kj/debug.h>
#include <kj/vector.h>

#include <cstring>
#include <string>
#include <vector>

#include "files.capnp.h"

// What both the sink that fills a file and the handle that stands for it refer to.
struct StoredFile : public kj::Refcounted {
  std::string name;
  uint64_t announced = 0;
  bool complete = false;
  std::vector<uint8_t> bytes;
};

class FileHandle final : public Files::Handle::Server {
 public:
  explicit FileHandle(kj::Own<StoredFile> file) : file(kj::mv(file)) {}
  kj::Own<StoredFile> file;
};

class FileSink final : public ByteSink::Server {
 public:
  explicit FileSink(kj::Own<StoredFile> file) : file(kj::mv(file)) {}

  kj::Promise<void> write(WriteContext context) override {
    auto chunk = context.getParams().getChunk();
    KJ_REQUIRE(file->bytes.size() + chunk.size() <= file->announced,
               "more bytes than the file was announced with", file->name.c_str(), file->announced);
    file->bytes.insert(file->bytes.end(), chunk.begin(), chunk.end());
    return kj::READY_NOW;
  }

  kj::Promise<void> end(EndContext context) override {
    file->complete = true;
    context.getResults().setTotal(file->bytes.size());
    return kj::READY_NOW;
  }

 private:
  kj::Own<StoredFile> file;
};

class FilesServer final : public Files::Server {
 public:
  kj::Promise<void> create(CreateContext context) override {
    auto params = context.getParams();
    auto file = kj::refcounted<StoredFile>();
    file->name = params.getName().cStr();
    file->announced = params.getSize();
    auto results = context.getResults();
    results.setSink(kj::heap<FileSink>(kj::addRef(*file)));
    results.setHandle(handles.add(kj::heap<FileHandle>(kj::addRef(*file))));
    files.add(kj::mv(file));
    return kj::READY_NOW;
  }

  kj::Promise<void> list(ListContext context) override {
    std::vector<StoredFile*> complete;
    for (auto& file : files) {
      if (file->complete) complete.push_back(file.get());
    }
    auto entries = context.getResults().initEntries(complete.size());
    for (size_t i = 0; i < complete.size(); i++) {
      entries[i].setName(complete[i]->name.c_str());
      entries[i].setSize(complete[i]->bytes.size());
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> read(ReadContext context) override {
    auto handle = context.getParams().getHandle();
    auto into = context.getParams().getInto();
    return handles.getLocalServer(handle).then(
        [this, handle, into](kj::Maybe<Files::Handle::Server&> found) mutable -> kj::Promise<void> {
          auto& server = KJ_REQUIRE_NONNULL(found, "the handle is none of this server's");
          auto file = kj::addRef(*kj::downcast<FileHandle>(server).file);
          KJ_REQUIRE(file->complete, "the upload of this file has not ended", file->name.c_str());
          return sendFrom(kj::mv(file), 0, kj::mv(into));
        });
  }

 private:
  static constexpr size_t CHUNK_BYTES = 64 << 10;

  kj::Promise<void> sendFrom(kj::Own<StoredFile> file, size_t offset, ByteSink::Client into) {
    if (offset == file->bytes.size()) {
      return into.endRequest().send().then([size = offset](auto&& response) {
        KJ_REQUIRE(response.getTotal() == size, "the reader did not get every byte", size);
      });
    }
    size_t length = kj::min(CHUNK_BYTES, file->bytes.size() - offset);
    auto request = into.writeRequest();
    request.setChunk(kj::arrayPtr(file->bytes.data() + offset, length));
    return request.send().then(
        [this, file = kj::mv(file), next = offset + length, into]() mutable {
          return sendFrom(kj::mv(file), next, kj::mv(into));
        });
  }

  capnp::CapabilityServerSet<Files::Handle> handles;
  kj::Vector<kj::Own<StoredFile>> files;
};
