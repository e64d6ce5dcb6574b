"""`aims audits`, `aims review`, `aims concern`, `aims incidents`, `aims notice`; and that none of them tells of a person."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import BATCHES, Made
from tests.pipelines.test_acting import Terminal

# Planted in what people write: whoever searches must find none of them in the record or in an export.
NAME, NUMBER, MAIL = "Wilhelmina Quixotrandom", "+49 151 23456789", "quixotrandom@example.org"
TEXT = f"My neighbour {NAME} ({MAIL}, {NUMBER}) was reminded although she had paid.\n"
SECRETS = (NAME, "Quixotrandom", NUMBER, "23456789", MAIL)
PEOPLE = {"otto": "system_owner", "eve": "engineer", "ida": "auditor", "desk": "service"}


@pytest.fixture
def staff(made: Made) -> Terminal:
    """A home with vera, a governance lead, and one of every other kind that matters here."""
    opened = Terminal(made)
    opened.token("vera")
    for name, role in PEOPLE.items():
        opened.aims("act", "open-account", name, "--role", role, by="vera")
        opened.token(name, by="vera")
    return opened


@pytest.fixture
def judged(staff: Terminal, made: Made) -> Terminal:
    """The same with a breach in April."""
    made.send_all()
    made.send(BATCHES[3], shift=1.0)
    made.aims("run", "loans", check=1)
    return staff


def rows(terminal: Terminal, *arguments: str, check: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in terminal.aims(*arguments, "--json", check=check).stdout.splitlines()]


def raise_concern(terminal: Terminal, by: str, *arguments: str, text: str = TEXT, check: int = 0) -> str:
    from pipelines.command import main

    done = CliRunner().invoke(
        main, ["concern", "report", "loans", "--category", "privacy", *arguments],
        env={"AIMS_HOME": str(terminal.home), "AIMS_TOKEN": terminal.tokens[by]}, input=text,
    )  # fmt: skip
    assert done.exit_code == check, done.output
    assert not any(secret in done.output for secret in SECRETS)
    return done.stdout.splitlines()[-1] if check == 0 else done.stderr


def day(offset: int) -> str:
    return (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=offset)).isoformat()


# Audits


def test_an_audit_from_plan_to_conclusion(judged: Terminal):
    judged.aims(
        "act", "plan-audit", "loans", "--criteria", "9.1", "--objective", "Whether breaches are looked at.",
        "--auditor", "ida", "--due", day(30), by="vera",
    )  # fmt: skip
    (planned,) = rows(judged, "audits")
    assert (planned["state"], planned["auditors"], planned["samples"]) == ("planned", ["ida"], [])
    judged.aims("act", "draw-sample", planned["id"], "--population", "verdicts", "--size", "4", by="ida")
    (drawn,) = rows(judged, "audits")
    (sample,) = drawn["samples"]
    verdicts = {row["id"] for row in rows(judged, "verdicts", "--all")}
    assert len(set(sample["items"]) & verdicts) == 4 and sample["population_size"] == len(verdicts)
    assert f"4 of {len(verdicts)} verdicts, seed {sample['seed'][:16]}" in judged.aims("audits").stdout
    items = [part for item in sample["items"] for part in ("--item", item)]
    said_so = ("--grade", "minor", "--requirement", "9.1", "--finding", "Nobody has looked at one of them.")
    judged.aims("act", "record-finding", planned["id"], *items, *said_so, by="ida")
    judged.aims("act", "conclude-audit", planned["id"], "--conclusion", "It is kept to, but for one.", by="ida")
    assert "1 minor" in judged.aims("audits").stdout
    assert {row["source"] for row in rows(judged, "nonconformities")} == {"criterion", "audit"}
    assert "events hold" in judged.aims("ledger", "verify").stdout


# Reviews


def test_a_review_and_its_pack(judged: Terminal, tmp_path: Path):
    assert "No review was held" in judged.aims("review").stdout
    preview = judged.aims("review", "now").stdout
    assert preview.startswith("# Management review: preview\n")
    (line,) = [line for line in preview.splitlines() if line.startswith("| loans | ") and "breach 1" in line]
    looks = {row["batch"] for row in rows(judged, "measurements")}
    assert line.startswith(f"| loans | {len(looks)} |")
    judged.aims("act", "open-review", "organisation", "--occasion", "The planned one.", by="vera")
    (review,) = rows(judged, "review")
    decided = ("--category", "improvement", "--decision", "Look at incomes weekly.", "--owner", "eve", "--due", day(20))
    judged.aims("act", "record-decision", review["id"], *decided, by="vera")
    said = ("--attendance", "vera", "--attendance", "otto", "--conclusion", "It works.")
    judged.aims("act", "close-review", review["id"], *said, by="vera")
    (shown,) = rows(judged, "review", review["id"])
    assert shown["pack"]["nonconformities"]["opened"] == 1 and shown["review"]["state"] == "closed"
    assert shown["pack"]["monitoring"][0]["verdicts"]["breach"] == 1
    markdown, page = tmp_path / "pack.md", tmp_path / "pack.html"
    judged.aims("review", review["id"], "--markdown", str(markdown), "--html", str(page))
    assert markdown.read_text("utf-8") == judged.aims("review", review["id"]).stdout
    for written in (markdown, page):
        assert "Look at incomes weekly." in written.read_text("utf-8")
    assert [row["what"] for row in rows(judged, "due") if row["owner"] == "eve"] == [
        "carry out: Look at incomes weekly."
    ]
    assert "There is no review 'MR-1'" in judged.aims("review", "MR-1", check=2).stderr
    assert (
        "cannot be written"
        in judged.aims("review", "now", "--markdown", str(tmp_path / "no" / "pack.md"), check=2).stderr
    )


# Concerns


def test_a_concern_is_read_again_and_erased_and_the_record_stays_whole(staff: Terminal):
    name = raise_concern(staff, "eve")
    (row,) = rows(staff, "concerns")
    assert (row["id"], row["reporter"], row["state"]) == (name, "eve", "reported")
    kept = staff.home / "concerns" / row["text_sha256"]
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == kept.name and kept.stat().st_mode & 0o777 == 0o600
    assert staff.aims("concern", "read", name).stdout == TEXT
    said = ("--outcome", "dismissed", "--reason", "She was reminded before she paid.")
    staff.aims("act", "assess-concern", name, *said, by="otto")
    staff.aims("concern", "erase", name, "--reason", "Somebody asked for it.", by="otto", check=2)
    assert kept.exists()
    staff.aims("concern", "erase", name, "--reason", "Somebody asked for it.", by="vera")
    assert not kept.exists() and rows(staff, "concerns")[0]["text_erased"] is True
    assert "was erased" in staff.aims("concern", "read", name, check=2).stderr
    assert "events hold" in staff.aims("ledger", "verify").stdout
    assert not any(secret.encode() in everything(staff.home) for secret in SECRETS)


def test_an_altered_text_is_not_read(staff: Terminal):
    name = raise_concern(staff, "eve")
    (kept,) = (staff.home / "concerns").iterdir()
    kept.write_bytes(kept.read_bytes() + b"!")
    assert "was altered" in staff.aims("concern", "read", name, check=2).stderr


def test_a_refused_concern_leaves_neither_event_nor_text(staff: Terminal):
    before = staff.events()
    assert "would carry the account eve" in raise_concern(staff, "eve", "--withheld", check=2)
    assert "has 3 to 1,000,000 bytes" in raise_concern(staff, "eve", text="  ", check=2)
    assert staff.events() == before and list((staff.home / "concerns").iterdir()) == []


def test_equal_texts_have_different_digests(staff: Terminal):
    """Without a salt, whoever guesses the text could see in the record that it was written."""
    raise_concern(staff, "eve"), raise_concern(staff, "eve")
    one, two = (row["text_sha256"] for row in rows(staff, "concerns"))
    assert one != two and hashlib.sha256(TEXT.strip().encode()).hexdigest() not in (one, two)


# Incidents


def test_an_incident_its_clocks_and_its_draft(judged: Terminal, tmp_path: Path):
    (case,) = rows(judged, "nonconformities")
    aware = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=71)).isoformat()
    said = (
        "--aware-at", aware, "--what", "Reminders went to people who had paid.", "--severity", "major",
        "--affected", "borrowers", "--clock", "gdpr_33.authority", "--case", case["id"],
    )  # fmt: skip
    judged.aims("act", "declare-incident", "loans", *said, by="eve")
    (incident,) = rows(judged, "incidents")
    (clock,) = incident["clocks"]
    assert clock["state"] == "running" and 0.9 < clock["hours"] <= 1
    draft = tmp_path / "draft.md"
    judged.aims("notice", incident["id"], "gdpr_33.authority", "--to", str(draft), by="eve")
    text = draft.read_text("utf-8")
    assert text.startswith("# DRAFT: notice about") and text.rstrip().endswith("**DRAFT, not sent.**")
    for fact in (clock["deadline"], "Reminders went to", "borrowers", case["id"], "psi", BATCHES[3], clock["to"]):
        assert fact in text
    (again,) = rows(judged, "incidents")
    assert [d["sha256"] for d in again["drafts"]] == [hashlib.sha256(draft.read_bytes()).hexdigest()]
    assert "There is no incident" in judged.aims("notice", "IN-1", "gdpr_33.authority", by="eve", check=2).stderr
    assert "has no clock" in judged.aims("notice", incident["id"], "gdpr_33.nobody", by="eve", check=2).stderr
    assert [row["clock"] for row in rows(judged, "incidents", "--clocks")][:2] == [
        "eu_ai_act_73.general",
        "eu_ai_act_73.death",
    ]


def test_a_clock_that_ran_out_fails_the_listing_and_is_followed(staff: Terminal, made: Made):
    aware = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=73)).isoformat()
    said = ("--aware-at", aware, "--what", "A list went astray.", "--severity", "minor", "--affected", "borrowers")
    staff.aims("act", "declare-incident", "loans", *said, "--clock", "gdpr_33.authority", by="eve")
    (incident,) = rows(staff, "incidents", check=1)
    assert (incident["clocks"][0]["state"], incident["clocks"][0]["late_hours"] > 0.9) == ("late", True)
    staff.aims("follow"), staff.aims("follow")
    (case,) = rows(staff, "nonconformities")
    assert (case["criterion"], case["source"]) == ("A.8.4", "requirement")
    sent = (
        "--clock",
        "gdpr_33.authority",
        "--sent-at",
        dt.datetime.now(dt.UTC).isoformat(),
        "--to",
        "the authority",
        "--reference",
        "file 1",
    )
    staff.aims("act", "note-notification", incident["id"], *sent, by="otto")
    (incident,) = rows(staff, "incidents")
    assert incident["clocks"][0]["state"] == "notified" and incident["clocks"][0]["late_hours"] > 0.9


# No event, log line or export holds a person's data


def everything(home: Path, but: str = "\0") -> bytes:
    """The bytes of every file below the home, the texts of concerns aside where `but` names their folder."""
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file() and path.parent.name != but)


def test_no_event_log_line_or_export_holds_a_persons_data(
    judged: Terminal, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A concern that names somebody goes all the way to an incident, a notice, an audit and a review."""
    told = raise_concern(judged, "desk", "--withheld")
    own = raise_concern(judged, "eve", text=f"{TEXT} Signed, {NAME}")
    judged.aims(
        "act", "assess-concern", told, "--outcome", "incident", "--reason", "Three people were reminded.", by="otto"
    )
    nonconformity = (
        "--outcome",
        "nonconformity",
        "--reason",
        "No form for it.",
        "--requirement",
        "A.3.3",
        "--severity",
        "minor",
    )
    judged.aims("act", "assess-concern", own, *nonconformity, by="otto")
    for refused in (f"As {NAME} said, {MAIL}", f"Call {NUMBER}"):
        said = ("--aware-at", "2026-01-01T00:00Z", "--severity", "minor", "--affected", refused, "--what", "A list.")
        assert "looks like" in judged.aims("act", "declare-incident", "loans", *said, by="otto", check=2).stderr
    aware = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()
    said = (
        "--aware-at",
        aware,
        "--severity",
        "minor",
        "--affected",
        "borrowers",
        "--what",
        "A list.",
        "--concern",
        told,
    )
    judged.aims("act", "declare-incident", "loans", *said, "--clock", "gdpr_33.authority", by="otto")
    (incident,) = rows(judged, "incidents")
    judged.aims("notice", incident["id"], "gdpr_33.authority", by="otto")
    judged.aims("act", "open-review", "organisation", "--occasion", "The planned one.", by="vera")
    (review,) = rows(judged, "review")
    judged.aims("review", review["id"], "--markdown", str(tmp_path / "a.md"), "--html", str(tmp_path / "a.html"))
    exports = [
        ("audits",), ("concerns",), ("incidents",), ("review",), ("review", review["id"]), ("review", "now"), ("due",),
        ("nonconformities",), ("case", rows(judged, "nonconformities")[-1]["id"]), ("accounts",), ("exceptions",), ("status",),
    ]  # fmt: skip
    printed = "".join(judged.aims(*what, *how).output for what in exports for how in ((), ("--json",)))
    written = (tmp_path / "a.md").read_bytes() + (tmp_path / "a.html").read_bytes()
    kept = everything(judged.home, but="concerns")
    for secret in SECRETS:
        assert secret not in printed and secret not in caplog.text
        assert secret.encode() not in kept and secret.encode() not in written
        assert secret.encode() in everything(judged.home) or secret == "23456789", "the search finds what is there"
    (row,) = [row for row in rows(judged, "concerns") if row["id"] == told]
    assert row["reporter"] is None
    with_told = judged.aims("act", "--help").output
    assert "report-concern" not in with_told, "its text is no option of an act"
    assert "events hold" in judged.aims("ledger", "verify").stdout
