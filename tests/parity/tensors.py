# SPDX-License-Identifier: Apache-2.0
"""Named arrays in a safetensors file."""
import json
import struct

import numpy as np


def write(path, tensors):
    header, data, at = {}, b"", 0
    for name, array in sorted(tensors.items()):
        raw = np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        data, at = data + raw, at + len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            part = raw[8 + length + start:8 + length + end]
            found[name] = np.frombuffer(part, "<f4").reshape(entry["shape"])
    return found
