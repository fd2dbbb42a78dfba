"""What the audit of the pinned packages says of an answer of pip-audit."""

from __future__ import annotations

from scripts import audit


def test_a_known_weakness_is_named_and_fails() -> None:
    weakness = {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}
    found = {
        "dependencies": [
            {"name": "a", "version": "2.0", "vulns": [weakness, {**weakness, "id": "PYSEC-2", "fix_versions": []}]},
            {"name": "b", "version": "1.0", "vulns": []},
            {"name": "c", "skip_reason": "not found"},
        ]
    }
    lines, weak = audit.judge(found)
    assert weak
    assert lines == [
        "a 2.0 has PYSEC-1; fixed in 2.1.",
        "a 2.0 has PYSEC-2; fixed in no version yet.",
        "2 of 3 packages were audited, 1 have a known weakness.",
    ]


def test_silence_is_not_called_safe() -> None:
    lines, weak = audit.judge({"dependencies": [{"name": "c", "skip_reason": "not found"}]})
    assert not weak and lines == ["Nothing was audited: no advisory service answers here for any of 1 packages."]
