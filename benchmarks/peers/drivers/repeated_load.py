"""A repeated import the plain way: ``load`` of 500 rows a call, one call at a time, with the standard library alone."""

import csv
import json
import sys
import urllib.request

options = json.loads(sys.argv[1])
with open(options["file"], newline="", encoding="utf-8") as file:
    rows = list(csv.reader(file))
header, rows = rows[0], rows[1:]
for start in range(0, len(rows), 500):
    body = {"fields": header, "data": rows[start : start + 500], "context": options["context"]}
    request = urllib.request.Request(
        f"{options['url']}/json/2/res.partner/load",
        json.dumps(body).encode(),
        {
            "Authorization": f"bearer {options['api_key']}",
            "X-Odoo-Database": options["database"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        reply = json.load(answer)
    if not reply["ids"]:
        sys.exit(json.dumps(reply["messages"])[:500])
