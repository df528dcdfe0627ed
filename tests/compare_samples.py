"""compare_samples.py A.json B.json: two samples as sample_json() writes them (or what
`gnomon inspect --json` writes, which holds one) show the same model: the same tokens, pointers,
candidates and answers; logits, weights and probabilities within 1e-3. Prints how many of each were
compared."""

import base64
import collections
import json
import sys

import numpy

KINDS = {"i": "<i2", "l": "<i4", "q": "<u2", "f": "<f4"}
EXACT = {"tokens", "target", "predicted", "to", "slot", "at", "slots", "types", "N", "M", "kept"}
NEAR = {"match", "type", "own", "score", "weight", "probability", "asked", "gate", "sum"}
counts = collections.Counter()


def sample_of(path):
    read = json.load(open(path))
    return read.get("sample", read)


def unpacked(packed, pool):
    if not isinstance(packed, list) or packed[0] not in KINDS:
        return numpy.array(packed, dtype=float)
    numbers = numpy.frombuffer(base64.b64decode(pool[packed[1]]), KINDS[packed[0]])
    if packed[0] != "q":
        return numbers.astype(float)
    return numpy.where(numbers == 65535, numpy.nan, packed[2] + packed[3] * numbers.astype(float))


def compare(a, b, name, where, pools):
    if isinstance(a, dict):
        for key in a.keys() & b.keys() - {"pool", "recall", "hops", "words", "temperature"}:
            # a head has a type that won, a candidate a part of its logit
            exact = key == "type" and "score" in a
            compare(a[key], b[key], "to" if exact else key, f"{where}.{key}", pools)
    elif isinstance(a, list) and a and isinstance(a[0], dict):
        assert len(a) == len(b), f"{where}: {len(a)} and {len(b)}"
        for i, pair in enumerate(zip(a, b)):
            compare(*pair, name, f"{where}[{i}]", pools)
    elif name in EXACT | NEAR and not (
        isinstance(a, list) and a and isinstance(a[0], str) and a[0] not in KINDS
    ):
        x, y = (numpy.atleast_1d(unpacked(v, pool)) for v, pool in zip((a, b), pools))
        x, y = numpy.broadcast_arrays(x, y)
        counts[name] += x.size
        bound = 0 if name in EXACT else 1e-3 * numpy.maximum(1, numpy.abs(x))
        far = ~((numpy.abs(x - y) <= bound) | (numpy.isnan(x) & numpy.isnan(y)))
        assert not far.any(), f"{where}: {x[far][:5]} and {y[far][:5]}, {far.sum()} of {far.size}"


first, second = sample_of(sys.argv[1]), sample_of(sys.argv[2])
compare(first, second, "", "sample", (first["pool"], second["pool"]))
assert counts["predicted"] > 0 and counts["probability"] > 0, counts
print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
