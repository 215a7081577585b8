"""Messages of Foxglove's schemas, as protobuf and JSON."""

from __future__ import annotations

import base64
import json

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from tests.logs.mcap_writing import Channel


def foxglove_channel(topic: str, name: str, encoding: str) -> Channel:
    schema = foxglove_schema(name) if encoding == "protobuf" else b"{}"
    return Channel(topic, f"foxglove.{name}", encoding, {"json": "jsonschema"}.get(encoding, encoding), schema)


def foxglove_schema(name: str) -> bytes:
    """The descriptors of Foxglove's schemas, as their field numbers and types are published."""
    F = descriptor_pb2.FieldDescriptorProto
    time = (1, "timestamp", F.TYPE_MESSAGE)
    fields = {
        "CompressedImage": [
            time,
            (4, "frame_id", F.TYPE_STRING),
            (2, "data", F.TYPE_BYTES),
            (3, "format", F.TYPE_STRING),
        ],
        "RawImage": [
            time,
            (7, "frame_id", F.TYPE_STRING),
            (2, "width", F.TYPE_FIXED32),
            (3, "height", F.TYPE_FIXED32),
            (4, "encoding", F.TYPE_STRING),
            (5, "step", F.TYPE_FIXED32),
            (6, "data", F.TYPE_BYTES),
        ],
        "CameraCalibration": [
            time,
            (9, "frame_id", F.TYPE_STRING),
            (2, "width", F.TYPE_FIXED32),
            (3, "height", F.TYPE_FIXED32),
            (4, "distortion_model", F.TYPE_STRING),
            *((number, letter, F.TYPE_DOUBLE) for number, letter in ((5, "D"), (6, "K"), (7, "R"), (8, "P"))),
        ],
    }[name]
    file = descriptor_pb2.FileDescriptorProto(name=f"foxglove/{name}.proto", package="foxglove", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    message = file.message_type.add(name=name)
    for number, field, type_ in fields:
        label = F.LABEL_REPEATED if type_ == F.TYPE_DOUBLE else F.LABEL_OPTIONAL
        added = message.field.add(name=field, number=number, type=type_, label=label)
        if type_ == F.TYPE_MESSAGE:
            added.type_name = ".google.protobuf.Timestamp"
    files = descriptor_pb2.FileDescriptorSet(file=[file])  # in the wrong order: files before their imports
    timestamp_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    return files.SerializeToString()


def foxglove_message(name: str, how: str, **values) -> bytes:
    if how == "json":
        plain = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in values.items()}
        seconds, nanoseconds = divmod(plain.pop("timestamp"), 10**9)
        return json.dumps({"timestamp": {"sec": seconds, "nsec": nanoseconds}, **plain}).encode()
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(descriptor_pb2.FileDescriptorSet.FromString(foxglove_schema(name)).file):
        pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"foxglove.{name}"))()
    message.timestamp.FromNanoseconds(values.pop("timestamp"))
    for key, value in values.items():
        if isinstance(value, list):
            getattr(message, key).extend(value)
        else:
            setattr(message, key, value)
    return message.SerializeToString()
