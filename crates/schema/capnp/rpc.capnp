# The messages that two vats exchange over a connection.
#
# "Sender" is whoever sends the struct being described, "receiver" the other side. Each side keeps
# four tables: questions (calls it made), answers (calls it is handling), exports (capabilities it
# has handed out) and imports (capabilities it was given). One side's questions are the other's
# answers, one side's exports the other's imports; numbers are chosen by the side that asks or
# exports, and may be used again once both sides have let go of them.

@0xb312981b2552a250;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capnp::rpc");

using QuestionId = UInt32;
# Chosen by the caller. In use until the caller has sent Finish and received Return.

using AnswerId = QuestionId;
# A question of the other side.

using ExportId = UInt32;
# Chosen by the exporter. Each time it is sent, its reference count goes up by one; Release brings
# it down.

using ImportId = ExportId;
# An export of the other side.

struct Message {
  # Everything on the wire is one of these.

  union {
    unimplemented @0 :Message;
    # The message that the sender received but does not understand, returned as it came. Whatever it
    # held must be released, and if it asked a question, the question has failed.

    abort @1 :Exception;
    # The connection is broken beyond repair; nothing follows.

    bootstrap @8 :Bootstrap;
    # Asks for the receiver's main object.

    call @2 :Call;
    # Calls a method.

    return @3 :Return;
    # Answers a question.

    finish @4 :Finish;
    # Lets go of an answer, or of the wish to get one.

    resolve @5 :Resolve;
    # Says what became of a promise.

    release @6 :Release;
    # Drops references to a capability.

    disembargo @13 :Disembargo;
    # Follows earlier calls along their path to tell when all of them have arrived.

    obsoleteSave @7 :AnyPointer;
    # Never implemented.

    obsoleteDelete @9 :AnyPointer;
    # Never implemented.

    provide @10 :Provide;
    # Offers a capability to a third vat.

    accept @11 :Accept;
    # Picks up a capability that was provided.

    thirdPartyAnswer @14 :ThirdPartyAnswer;
    # Delivers the result of a call that another vat made.

    join @12 :Join;
    # Checks that several capabilities are the same object.
  }
}

struct Bootstrap {
  # Asks for the receiver's main object, usually the first message of a connection.

  questionId @0 :QuestionId;
  # The Return to this question holds one capability.

  deprecatedObjectId @1 :AnyPointer;
  # Once selected one of several main objects. Null now.
}

struct Call {
  # Calls a method of an object.

  questionId @0 :QuestionId;
  # A free number of the sender's.

  target @1 :MessageTarget;
  # The object.

  interfaceId @2 :UInt64;
  # The id of the interface that declares the method; an object may have several.

  methodId @3 :UInt16;
  # The method's number in that interface.

  allowThirdPartyTailCall @8 :Bool = false;
  # The sender can fetch the result from another vat (`Return.awaitFromThirdParty`).

  noPromisePipelining @9 :Bool = false;
  # The sender will not make calls on the results before they have arrived.

  onlyPromisePipeline @10 :Bool = false;
  # The sender only wants to make calls on the results, and does not need the Return.

  params @4 :Payload;
  # The content is the method's parameter struct.

  sendResultsTo :union {
    # Where the results go.

    caller @5 :Void;
    # Back to the sender, as usual.

    yourself @6 :Void;
    # Nowhere: the receiver keeps them, for another Return (`takeFromOtherQuestion`) to refer to.

    thirdParty @7 :ThirdPartyToContact;
    # To another vat.
  }
}

struct Return {
  # Answers a question.

  answerId @0 :AnswerId;
  # The question's number.

  releaseParamCaps @1 :Bool = true;
  # All capabilities in the parameters are released, each by one reference.

  noFinishNeeded @8 :Bool = false;
  # The sender has forgotten the answer already, so a Finish is not expected. Only set when the
  # results hold no capabilities.

  union {
    results @2 :Payload;
    # The method's result struct; for Bootstrap and Accept just a capability.

    exception @3 :Exception;
    # The call failed.

    canceled @4 :Void;
    # The call was stopped after a Finish came.

    resultsSentElsewhere @5 :Void;
    # The call's `sendResultsTo` was not `caller`.

    takeFromOtherQuestion @6 :QuestionId;
    # The results are those of another call, which the sender made to the receiver with
    # `sendResultsTo.yourself`. Each question can be taken from once.

    awaitFromThirdParty @7 :ThirdPartyToAwait;
    # The results come from another vat in a ThirdPartyAnswer.
  }
}

struct Finish {
  # Lets go of an answer: no more calls will be made on it, and if it has not come yet, the call may
  # be stopped.

  questionId @0 :QuestionId;
  # The sender's question.

  releaseResultCaps @1 :Bool = true;
  # All capabilities in the results are released, each by one reference.

  requireEarlyCancellationWorkaround @2 :Bool = true;
  # If the call has not reached its object yet, deliver it before stopping it. Old implementations
  # relied on that by accident, hence the default; new ones say false.
}

struct Resolve {
  # Says what became of a promise that was exported with `CapDescriptor.senderPromise`.

  promiseId @0 :ExportId;
  # The promise. This does not count as a new reference to it.

  union {
    cap @1 :CapDescriptor;
    # What it became. Messages sent to the promise are forwarded there from now on.

    exception @2 :Exception;
    # It was broken.
  }
}

struct Release {
  # Drops references to a capability.

  id @0 :ImportId;
  # The capability.

  referenceCount @1 :UInt32;
  # By how much its count goes down.
}

struct Disembargo {
  # A promise can resolve to an object that is reached on a shorter path than the promise was. Calls
  # on that path must wait until those made on the promise before have arrived, which a Disembargo
  # sent after them, on their path, proves.

  target @0 :MessageTarget;
  # The promise.

  using EmbargoId = UInt32;
  # Chosen by the sender of `senderLoopback`.

  context :union {
    senderLoopback @1 :EmbargoId;
    # The promise resolved to an object of the sender's. To be sent back as `receiverLoopback`.

    receiverLoopback @2 :EmbargoId;
    # A `senderLoopback` that has made its way.

    accept @3 :Data;
    # The promise resolved to an object in a third vat, which the sender is picking up with an Accept
    # that has the same `embargo`.
  }
}

struct Provide {
  # Offers one of the receiver's capabilities to a third vat.

  questionId @0 :QuestionId;
  # Open until the capability was picked up. A Finish takes the offer back.

  target @1 :MessageTarget;
  # The capability.

  recipient @2 :ThirdPartyToAwait;
  # Who will come to pick it up.
}

struct Accept {
  # Picks up a capability that another vat provided.

  questionId @0 :QuestionId;
  # The Return to this question holds the capability.

  provision @1 :ThirdPartyCompletion;
  # Which one.

  embargo @2 :Data;
  # Unless null: hold calls on the result back until a Disembargo with this `accept` has come.
}

struct ThirdPartyAnswer {
  # The sender will return the result of a call that the receiver made to another vat.

  completion @0 :ThirdPartyCompletion;
  # Which call.

  answerId @1 :AnswerId;
  # The number under which the Return will come: chosen by the sender, from a range that is kept apart
  # from the receiver's own question numbers.
}

struct Join {
  # One of several parts of a check that capabilities are the same object.

  questionId @0 :QuestionId;
  # The Return to this question holds a JoinResult.

  target @1 :MessageTarget;
  # The capability.

  keyPart @2 :JoinKeyPart;
  # This part of the key.
}

struct MessageTarget {
  # What a message is addressed to.

  union {
    importedCap @0 :ImportId;
    # A capability that the receiver exported.

    promisedAnswer @1 :PromisedAnswer;
    # A capability in the results of a call, which may not have returned yet.
  }
}

struct Payload {
  # Parameters or results.

  content @0 :AnyPointer;
  # A capability pointer in here is an index into `capTable`.

  capTable @1 :List(CapDescriptor);
  # The capabilities.
}

struct CapDescriptor {
  # A capability on its way to the other side.

  union {
    none @0 :Void;
    # Nothing: an entry that was taken out again.

    senderHosted @1 :ExportId;
    # An object of the sender's.

    senderPromise @2 :ExportId;
    # A promise of the sender's: one Resolve will follow.

    receiverHosted @3 :ImportId;
    # An object or promise of the receiver's own.

    receiverAnswer @4 :PromisedAnswer;
    # Something in the results of a call that the sender made to the receiver.

    thirdPartyHosted @5 :ThirdPartyCapDescriptor;
    # An object in a third vat.
  }

  attachedFd @6 :UInt8 = 0xff;
  # Index of a file descriptor sent along with the message, where the transport can do that.
}

struct PromisedAnswer {
  # Something in the results of a call.

  questionId @0 :QuestionId;
  # The call.

  transform @1 :List(Op);
  # The way from the result's root to the capability.

  struct Op {
    union {
      noop @0 :Void;
      # Stay.

      getPointerField @1 :UInt16;
      # Follow this pointer of a struct: an index into its pointer section.
    }
  }
}

struct ThirdPartyCapDescriptor {
  # A capability hosted by a third vat.

  id @0 :ThirdPartyToContact;
  # How to get at it.

  vineId @1 :ExportId;
  # A proxy for it, for receivers that do not want to. To be released once the object was picked up.
}

struct Exception {
  # Why something failed.

  reason @0 :Text;
  # For humans.

  type @3 :Type;
  # What the caller can do about it.

  enum Type {
    failed @0;
    # Trying again will not help.

    overloaded @1;
    # Something ran short; trying again later may help.

    disconnected @2;
    # A connection that the call depended on was lost; connecting again may help.

    unimplemented @3;
    # The object has no such method.
  }

  obsoleteIsCallersFault @1 :Bool;
  # No longer used.

  obsoleteDurability @2 :UInt16;
  # No longer used.

  trace @4 :Text;
  # The remote stack trace, if the sender shares it.

  details @5 :List(Detail);
  # More about the failure, for programs.

  struct Detail {
    detailId @0 :UInt64;
    # Says what the data is: a type id or another random number.

    data @1 :Data;
  }
}

# What the following hold depends on the network. Between two parties none of them is needed.

using SturdyRef = AnyPointer;
# A reference to an object that outlives the connection.

using ThirdPartyToContact = AnyPointer;
# Tells the receiver which vat to turn to and what to ask it for.

using ThirdPartyToAwait = AnyPointer;
# Tells the receiver that another vat will turn to it, and how to recognize it.

using ThirdPartyCompletion = AnyPointer;
# Shown by the vat that was introduced, to get what was meant for it.

using JoinKeyPart = AnyPointer;
# One part of the secret that a Join spreads over several paths.

using JoinResult = AnyPointer;
# Where to connect to for the joined object.
