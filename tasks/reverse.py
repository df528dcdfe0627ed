# tasks/reverse.py: a folder of sequences for the task `sequences`, in twenty lines.
import json, pathlib, random  # say it backwards: 1 7 3 | 3 7 1
out = pathlib.Path("reverse"); out.mkdir(exist_ok=True)
(out / "data.json").write_text(json.dumps({"format": "gnomon-sequences-1", "vocabulary": 11,
    "padding": 10, "spelling": [*"0123456789|"], "what": "say it backwards"}))
known = set()
for split, seed, count, lengths in (("train", 1, 20000, range(4, 17)),
        ("validation", 2, 500, range(4, 17)), ("test", 3, 500, (8, 16, 32))):
    draw = random.Random(seed)
    with open(out / (split + ".jsonl"), "w") as file:
        for n in lengths:
            for _ in range(count // len(lengths)):
                word = [draw.randrange(10) for _ in range(n)]
                if split != "train" and tuple(word) in known: continue
                known.add(tuple(word))
                file.write(json.dumps({"tokens": word + [10] + word[:0:-1],
                                       "targets": [-1] * n + word[::-1]}) + "\n")
