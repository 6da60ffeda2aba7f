// Messages that no text can say: untyped content and capabilities, made by the C++ library.
//
//   loose WORDS   writes them to standard output, with segments of so many words (0: one segment each)

#include <capnp/any.h>
#include <capnp/capability.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/io.h>

#include <cstdlib>

#include "conformance.capnp.h"

namespace {

template <typename Fill>
void write(kj::OutputStream& out, unsigned words, const char* label, Fill&& fill) {
  capnp::MallocMessageBuilder message(
      words == 0 ? 1024 : words, words == 0 ? capnp::AllocationStrategy::GROW_HEURISTICALLY : capnp::AllocationStrategy::FIXED_SIZE);
  capnp::BuilderCapabilityTable table;
  auto root = table.imbue(message.initRoot<Loose>());
  root.setLabel(label);
  fill(root);
  capnp::writeMessage(out, message);
}

capnp::Capability::Client broken() { return KJ_EXCEPTION(FAILED, "nobody calls it"); }

capnp::List<capnp::AnyPointer>::Builder anyPointers(capnp::AnyPointer::Builder to, unsigned count) {
  return to.initAsAnyList(capnp::ElementSize::POINTER, count).as<capnp::List<capnp::AnyPointer>>();
}

void fillSmall(Small::Builder small, uint32_t id, const char* note) {
  small.setId(id);
  small.setOn(true);
  small.setNote(note);
}

void writeAll(kj::OutputStream& out, unsigned words) {
  write(out, words, "structs", [](Loose::Builder to) {
    fillSmall(to.initStructAs<Small>(), 1, "one");
    fillSmall(to.getAnything().initAs<Small>(), 2, "two");
  });
  write(out, words, "lists", [](Loose::Builder to) {
    to.initListAs<capnp::List<uint32_t>>(3).set(2, 7);
    auto texts = to.getAnything().initAs<capnp::List<capnp::Text>>(2);
    texts.set(0, "a");
    texts.set(1, "b");
  });
  write(out, words, "lists of structs", [](Loose::Builder to) {
    auto list = to.initListAs<capnp::List<Small>>(2);
    fillSmall(list[0], 1, "one");
    fillSmall(list[1], 2, "two");
    auto lists = to.getAnything().initAs<capnp::List<capnp::List<bool>>>(2);
    lists.init(0, 0);
    lists.init(1, 70).set(69, true);
  });
  write(out, words, "blobs", [](Loose::Builder to) {
    to.getAnything().setAs<capnp::Text>("text");
    to.initListAs<capnp::List<capnp::Void>>(1000);
  });
  write(out, words, "anything", [](Loose::Builder to) {
    auto list = anyPointers(to.getAnything(), 4);
    fillSmall(list[0].initAs<Small>(), 3, "three");
    list[1].setAs<capnp::Data>(capnp::Data::Reader(kj::StringPtr("data").asBytes()));
    anyPointers(list[3], 1)[0].initAs<Empty>();
  });
  write(out, words, "clients", [](Loose::Builder to) {
    to.setClient(broken());
    to.setNamed(broken().castAs<Named>());
    auto clients = to.initClients(3);
    clients.set(0, broken().castAs<Named>());
    clients.set(2, broken().castAs<Named>());
    to.getAnything().setAs<capnp::Capability>(broken());
  });
}

}  // namespace

int main(int argc, char** argv) {
  kj::FdOutputStream out(1);
  writeAll(out, argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 0);
}
