"""Contacts and their companies in one file: is every link right, and does nobody wait for a lock in vain?"""

from __future__ import annotations

import random

from benchmarks.peers.bench import Bench, new_prefix
from benchmarks.peers.contenders import zenoo_fast
from benchmarks.peers.data import write_csv
from benchmarks.peers.measure import Entry, Measured, execute, take_turns
from benchmarks.peers.results import Bar, Section
from benchmarks.peers.server import Server

OURS = "zenoo-fast --mode upsert --concurrency 4"
COMPANIES, CONTACTS = 2_000, 50_000


def contacts(bench: Bench) -> Section:
    """50,000 contacts of 2,000 companies, ``parent_id/id`` in the same file, four calls at once."""
    server = bench.server
    companies = bench.rows(COMPANIES, 20)
    rows = companies + companies * CONTACTS // COMPANIES

    def run() -> Measured:
        folder, prefix = bench.scratch(), new_prefix()
        file = write_csv(
            folder / "contacts.csv", ["id", "name", "email", "is_company", "parent_id/id"], _rows(prefix, companies)
        )
        try:
            measured = execute(zenoo_fast(server, file, "--mode", "upsert", "--concurrency", "4"), rows, folder)
            measured.problem = measured.problem or _wrong(server, prefix, companies)
        finally:
            server.clear(bench.floor)
        return measured

    runs = take_turns("contacts", [Entry(OURS, run)], 1)
    [measured] = runs.of[OURS]
    answer = measured.answer
    section = Section(
        "contacts",
        f"{rows - companies:,} contacts of {companies:,} companies in one file",
        """
        One file in random order: a contact may stand before its company, and neighbours share companies. One run:
        it is about being right. By SQL: every contact has the company that its row names.
        """,
    )
    out = answer.get("rejected", rows) + answer.get("unknown", rows) if answer else None
    right = None if not answer and measured.problem else float(bool(measured.problem))
    section.bars = [
        Bar("Contacts and companies in one file: rows not in (rejected or unknown)", out, 0, most=True),
        Bar("Contacts and companies in one file: runs with a wrong link or a missing record", right, 0, most=True),
    ]
    section.add(runs, OURS)
    section.notes.append(
        f"{answer.get('requests', 0):,} calls, {answer.get('retries', 0):,} of them repeated; "
        f"{answer.get('created', 0):,} created, {answer.get('rejected', 0):,} rejected."
    )
    section.notes += [f"Reject: {one['message']}" for one in answer.get("rejects", [])[:3]]
    return section


def _rows(prefix: str, companies: int) -> list[list[str]]:
    module = prefix.strip("-")
    rows = [[f"{module}.c{n}", f"{prefix}company {n}", f"c{n}@example.com", "1", ""] for n in range(companies)]
    for number in range(companies * CONTACTS // COMPANIES):
        company = number % companies
        name = f"{prefix}contact {number} of {company}"
        rows.append([f"{module}.p{number}", name, f"p{number}@example.com", "", f"{module}.c{company}"])
    random.Random(6).shuffle(rows)
    return rows


def _wrong(server: Server, prefix: str, companies: int) -> str:
    wanted = companies * CONTACTS // COMPANIES
    [found] = server.sql(
        "select count(*) filter (where p.is_company and p.parent_id is null), count(*) filter (where not p.is_company),"
        f" count(*) filter (where c.name = '{prefix}company ' || split_part(p.name, ' of ', 2))"
        " from res_partner p left join res_partner c on c.id = p.parent_id"
        f" where starts_with(p.name, '{prefix}')"
    )
    counts = [int(one) for one in found]
    if counts == [companies, wanted, wanted]:
        return ""
    return f"{counts[0]:,} companies, {counts[1]:,} contacts, {counts[2]:,} of them at their company"
