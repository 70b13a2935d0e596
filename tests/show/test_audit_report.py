"""The report: verdicts in words, rows folded, a page that needs nothing else, and no text becomes HTML."""

import html
import re
from html.parser import HTMLParser

import pytest

from helpers.audit.findings import load_rows
from helpers.audit.gate import audit, clean
from helpers.files import DATA
from helpers.show.audit_report import audit_page, audit_table, removed_table, save_audit_page

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def spoiled():
    rows = load_rows(DATA / "instruction-data-with-preference.json")[:80]
    for i in range(15):
        rows[i] = rows[i] | {"instruction": f"{ATTACK} {i}", "chosen": f"\x01{ATTACK}", "rejected": ATTACK + "."}
    return rows


@pytest.fixture(scope="module")
def found(spoiled):
    return audit(spoiled)


def plain(page) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def test_verdicts_and_folded_rows(found, spoiled):
    page = audit_table(found, spoiled, max_named=3).data
    assert page.count("<details>") == sum(bool(finding.rows) for finding in found.findings)
    assert "✗ fail" in page and "– skipped" in page and "✓ pass" in page and "· reported" in page
    assert "… and 12 more" in page and "record 1 (" in plain(page) and str(found) in plain(page)


def test_some_checks_only(found):
    page = audit_table(found, only=["equal sides", "empty"]).data
    assert page.count("<tr>") == 3 and "near-duplicates</td>" not in page


def test_text_never_becomes_html(found, spoiled):
    removed = clean(spoiled, found).removed
    assert removed
    page = audit_page(found, spoiled, removed, title=ATTACK)
    assert "<script" not in page and "<img" not in page and "alert('x')" in plain(page)


def test_the_page_is_whole_and_needs_nothing_else(found, spoiled, tmp_path):
    removed = clean(spoiled, found).removed
    path = save_audit_page(tmp_path / "audit.html", found, spoiled, removed, title="Audit of x")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "<title>Audit of x</title>" in page
    assert '<meta charset="utf-8">' in page
    assert not re.search(r"<[^>]*\b(?:src|href)=", page)
    for finding in found.findings:
        assert finding.check in page

    class Balance(HTMLParser):
        open: list = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    Balance().feed(page)
    assert Balance.open == []


def test_every_removed_row_is_listed_with_its_reasons(found, spoiled):
    removed = clean(spoiled, found).removed
    page = plain(removed_table(removed, max_rows=100).data)
    for one in removed:
        assert all(reason in page for reason in one["reasons"])
    assert "No row was removed." in removed_table([]).data
