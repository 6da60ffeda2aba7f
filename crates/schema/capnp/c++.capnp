# Annotations that steer how C++ code is generated. Other generators ignore most of them, but many
# schemas carry them, so they have to be known.

@0xbdf87d7bb8304e81;
$namespace("capnp::annotations");

annotation namespace(file) :Text;
# The C++ namespace of everything in the file.

annotation name(field, enumerant, struct, enum, interface, method, param, group, union) :Text;
# Another name for the declaration in C++.

annotation allowCancellation(interface, method, file) :Void;
# A running call may be stopped when its caller loses interest.
