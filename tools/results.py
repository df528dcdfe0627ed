#!/usr/bin/python3
"""Renders what tools/results.sh measured; standard library only.

results.py accuracy EVAL_JSON          mean token accuracy over the lengths
results.py table ROWS RUNS PAGE      the table of all finished rows, between the markers of PAGE;
                                     rows that were not run here keep the lines they have there
"""
import json
import math
import pathlib
import re
import struct
import sys

BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"
SEEDS = ("1", "2", "3")


def accuracy(path):
    results = json.loads(pathlib.Path(path).read_text())["results"]
    return sum(r["token_accuracy"] for r in results) / len(results)


def parameter_count(model):
    """A safetensors file begins with the length of a JSON header, which holds the shapes."""
    with open(model, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__")


def spread(shares):
    low, mean, high = min(shares), sum(shares) / len(shares), max(shares)
    if f"{100 * low:.2f}" == f"{100 * high:.2f}":
        return f"{100 * mean:.2f} %"
    return f"{100 * mean:.2f} % ({100 * low:.2f} - {100 * high:.2f})"


def bits(results):
    """Of text no sequence is ever exact: instead, bits per byte."""
    each = [r["bits_per_byte"] for r in results]
    return f"{sum(each) / len(each):.3f} bits ({min(each):.3f} - {max(each):.3f})"


def lines_of(row, what, codes, runs):
    """One line for each run of lengths with the same figures."""
    evals = [json.loads((runs / row / s / "eval.json").read_text())["results"] for s in SEEDS]
    logs = [(runs / row / s / "metrics.jsonl").read_text().splitlines() for s in SEEDS]
    last = [json.loads(log[-1]) for log in logs]
    seconds = sorted(line["seconds"] for line in last)
    cost = f"{last[0]['step']:,} | {seconds[0]:.0f} - {seconds[-1]:.0f} | " \
           f"{parameter_count(runs / row / '1' / 'model.safetensors'):,}"
    groups = []
    for at in zip(*evals):
        exact = bits(at) if "bits_per_byte" in at[0] else spread([r["exact_match"] for r in at])
        figures = (spread([r["token_accuracy"] for r in at]), exact,
                   f"{100 * at[0]['chance']:.2f} %")
        if groups and groups[-1][1] == figures:
            groups[-1][0].append(at[0]["length"])
        else:
            groups.append(([at[0]["length"]], figures))
    for lengths, figures in groups:
        named = ", ".join(f"{n:,}" for n in lengths)
        if len(lengths) > 3:
            named = f"{lengths[0]:,} to {lengths[-1]:,} ({len(lengths)} lengths)"
        yield f"| {what} | {codes} | {named} | {' | '.join(figures)} | {cost} |"


def table(rows, runs, page):
    runs, page = pathlib.Path(runs), pathlib.Path(page)
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.find(BEGIN) > text.find(END):
        sys.exit(f"results: {page}: expected {BEGIN.strip()!r} once, and {END.strip()!r} after it")
    before = text[text.find(BEGIN) + len(BEGIN):text.find(END)].splitlines()
    lines = ["| task | codes | length | tokens right | sequences exact | chance | steps | seconds"
             " | parameters |", "|---|---|---|---|---|---|---|---|---|"]
    for line in pathlib.Path(rows).read_text().splitlines():
        if line.startswith("#"):
            continue
        row, what, codes = (part.strip() for part in line.split("|")[:3])
        if all((runs / row / seed / "eval.json").exists() for seed in SEEDS):
            lines += lines_of(row, what, codes, runs)
        else:
            lines += [old for old in before if old.startswith(f"| {what} | {codes} |")]
    body = BEGIN + "\n".join(lines) + "\n" + END
    text = re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: body, text, flags=re.S)
    page.write_text(text)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "accuracy":
        print(accuracy(sys.argv[2]))
    elif len(sys.argv) == 5 and sys.argv[1] == "table":
        table(*sys.argv[2:])
    else:
        sys.exit(__doc__)
