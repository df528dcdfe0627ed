#!/usr/bin/env bash
# tests/test_results.sh: the table of results takes a row from its runs where all three seeds are there,
# keeps the lines of a row that was not run here, and drops those of a row that is no more.
set -euo pipefail
results="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/tools/results.py"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

cat >rows <<'END'
# row | what it is | codes
new  | a new task   | none  | new | 8 |
kept | an old task  | token | old | 8 |
half | a half task  | none  | old | 8 |
END
for run in new/1 new/2 new/3 half/1; do
  mkdir -p "runs/$run"
  echo '{"results":[{"length":8,"token_accuracy":0.5,"exact_match":0.25,"chance":0.125}]}' >"runs/$run/eval.json"
  echo '{"step":10,"seconds":3.0}' >"runs/$run/metrics.jsonl"
  /usr/bin/python3 - "runs/$run/model.safetensors" <<'END'
import struct, sys
header = b'{"w":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]}}'
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + bytes(48))
END
done
cat >page <<'END'
before
<!-- results: begin -->
| a new task | none | its old line |
| an old task | token | its line |
| an old task | none | of other codes |
| a half task | none | of three seeds |
| a gone task | none | its line |
<!-- results: end -->
after
END
"$results" table rows runs page
diff page - <<'END'
before
<!-- results: begin -->
| task | codes | length | tokens right | sequences exact | chance | steps | seconds | parameters |
|---|---|---|---|---|---|---|---|---|
| a new task | none | 8 | 50.00 % | 25.00 % | 12.50 % | 10 | 3 - 3 | 12 |
| an old task | token | its line |
| a half task | none | of three seeds |
<!-- results: end -->
after
END
echo "no markers" >page
if "$results" table rows runs page 2>complaint; then echo "a page without markers passed"; exit 1; fi
grep -q "expected '<!-- results: begin -->' once" complaint
