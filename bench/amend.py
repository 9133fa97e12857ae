"""Put parts that were measured anew into the report of the last whole run, each with its own date, commit and load."""

from typing import Any

from bench import goals

PARTS = ("swap", "key_index", "profile", "further")
"""What stands by itself. Contestants are compared within one run only; the further tables bring the batch of their own
run along, `further_batch`, that the large one is compared with."""


def amended(whole: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The whole report with those of PARTS that `found` has; the key index's share is of the whole run's batch.

    Raises ValueError if there is none of them, or further tables without a batch of workload M beside them.
    """
    parts = {name: found[name] for name in PARTS if name in found}
    if not parts:
        raise ValueError(f"nothing was measured that can be put into the last whole run's report: {', '.join(PARTS)}")
    if "further" in parts:
        if goals.BATCH not in found["workload_m"]:
            raise ValueError("further tables are compared with a batch of their own run: --only hotswap further")
        whole = {**whole, "further_batch": found["workload_m"][goals.BATCH]}
    facts = {key: found["machine"][key] for key in ("date", "commit", "load_at_start")}
    left = {name: why for name, why in whole.get("not_run", {}).items() if name not in parts}
    report = {**whole, **_with_shares(parts, whole), "not_run": left}
    report["amended"] = {**whole.get("amended", {}), **dict.fromkeys(parts, facts)}
    return {**report, "goals": goals.plain(report)}


def _with_shares(parts: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    batch = whole["workload_m"].get(goals.BATCH)
    if "key_index" not in parts or not batch:
        return parts
    figures = [
        {**one, "share_of_a_batch": round(one["seconds_a_batch"] / batch, 4)}
        if one["keys"] == whole["workload"]["rows"]
        else one
        for one in parts["key_index"]
    ]
    return {**parts, "key_index": figures}
