"""Prints name, shape and sum of every tensor of a checkpoint: all that it takes to read one."""
import json
import sys

import numpy

types = {"F32": "<f4", "F64": "<f8"}
file = open(sys.argv[1], "rb").read()
length = int.from_bytes(file[:8], "little")
header = json.loads(file[8:8 + length])
print("metadata", json.dumps(header.pop("__metadata__", {})))
for name, tensor in sorted(header.items()):
    begin, end = (8 + length + offset for offset in tensor["data_offsets"])
    numbers = numpy.frombuffer(file[begin:end], types[tensor["dtype"]]).reshape(tensor["shape"])
    print(name, list(numbers.shape), repr(float(numbers.sum(dtype="f8"))))
