"""Makes a sample for the demo from a recording with ground truth: python -m scripts.sample RECORDING NAME.

A recording is what the recorder of a test call centre left behind: the stream and its index, and what the phones of
callers and agents noted themselves, which is the truth. The switch's own name in it is replaced by NAME, which must be
as long, so that every byte stays at its place.
"""

import csv
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "src" / "twinmart" / "sim" / "samples"


def make(recording: Path, name: str) -> Path:
    """Write the sample's three files and return their folder."""
    spec = json.loads((recording / "spec.json").read_text(encoding="utf-8"))
    system = str(spec["site"])
    if len(system) != len(name):
        raise SystemExit(f'"{name}" must be as long as "{system}"')
    folder = SAMPLES / name
    folder.mkdir(parents=True, exist_ok=True)
    raw = gzip.decompress((recording / "ami.raw.gz").read_bytes()).replace(system.encode(), name.encode())
    index = gzip.decompress((recording / "ami.idx.gz").read_bytes())
    # Without a time and a name in its head, the same content is the same file.
    (folder / "ami.raw.gz").write_bytes(gzip.compress(raw, mtime=0))
    (folder / "ami.idx.gz").write_bytes(gzip.compress(index, mtime=0))
    (folder / "truth.json").write_text(_truth(recording, index, system, name), encoding="utf-8")
    return folder


def _truth(recording: Path, index: bytes, system: str, name: str) -> str:
    times = [float(line.split()[2]) for line in index.splitlines()]
    agents = {row["agent"]: row["name"] for row in _rows(recording / "agents.csv")}
    visits = ",\n  ".join(json.dumps(visit).replace(system, name) for visit in _visits(recording))
    head = {
        "recorded": _version(recording),
        "length_s": round(times[-1] - times[0], 1),
        "agents": agents,
        "columns": ["uniqueid", "queue", "nth", "result", "agent", "wait_s", "talk_s", "hold_s", "transferred"],
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    return "{\n" + ",\n".join([*lines, f' "visits": [\n  {visits}\n ]']) + "\n}\n"


def _visits(recording: Path) -> Iterator[list[Any]]:
    """Yield each visit as the phones saw it; a refused one has no wait."""
    legs = [json.loads(line) for line in (recording / "legs.jsonl").read_text(encoding="utf-8").splitlines()]
    ordinal: Counter[tuple[str, str]] = Counter()
    for entry in sorted(_rows(recording / "entries.csv"), key=lambda row: float(row["t_enter"])):
        ordinal[entry["uniqueid"], entry["queue"]] += 1
        is_answered = entry["result"] == "answered"
        until = entry["t_answer"] if is_answered else entry["t_leave"]
        wait_s = float(until) - float(entry["t_enter"]) if until else 0.0
        yield [
            entry["uniqueid"],
            entry["queue"],
            ordinal[entry["uniqueid"], entry["queue"]],
            entry["result"],
            entry["agent"] or None,
            0.0 if entry["result"] in ("full", "joinempty") else round(wait_s, 3),
            round(float(entry["talk"]), 3) if is_answered else None,
            _hold_s(entry, legs) if is_answered else None,
            int(entry["transfer"].endswith(":200")),
        ]


def _hold_s(entry: dict[str, str], legs: list[dict[str, Any]]) -> float:
    """Return the hold within the talk: a phone may go on holding a line that its other end has left."""
    answer, end = float(entry["t_answer"]), float(entry["t_agent_end"])
    for leg in legs:
        if str(leg["agent"]) == entry["agent"] and abs((leg.get("t_answer") or 0) - answer) < 0.001:
            held: list[tuple[float, float | None]] = leg["holds"]
            return round(sum(min(until or end, end) - since for since, until in held), 3)
    return round(float(entry["hold"]), 3)


def _version(recording: Path) -> str:
    found = re.search(r"Asterisk [\d.]+\d", (recording / "version.txt").read_text(encoding="utf-8"))
    return found[0] if found else "Asterisk"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), sys.argv[2]), file=sys.stderr)
