"""A sweep's table without what differs from time to time, for scripts that compare two."""
import json
import sys

for line in open(sys.argv[1] + "/table.jsonl"):
    record = json.loads(line)
    for key in ("seconds", "tokens_per_s", "threads", "jobs", "date", "machine"):
        record.pop(key, None)
    print(json.dumps(record))
