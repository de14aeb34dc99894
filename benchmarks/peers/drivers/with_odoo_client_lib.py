"""odoo-client-lib as people use it for imports: one thread, ``create`` or ``load`` of 500 rows a call, in turn."""

import csv
import json
import sys

import odoolib
from benchmarks.client_cpu import cpu_seconds, record

options = json.loads(sys.argv[1])
if options.get("source") == "dicts":
    records = [record(number) for number in range(options["rows"])]
else:
    with open(options["file"], newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    records = [dict(zip(header, line, strict=True)) for line in lines] if options["task"] == "create" else lines
before, made, context = cpu_seconds(), 0, {"tracking_disable": True}
connection = odoolib.get_connection(
    hostname=options["host"],
    port=options["port"],
    database=options["database"],
    login=options["login"],
    password=options["password"],
    protocol="jsonrpc",
)
model = connection.get_model("res.partner")
for start in range(0, len(records), 500):
    chunk = records[start : start + 500]
    if options["task"] == "create":
        made += len(model.create(chunk, context=context))
    else:
        answer = model.load(header, chunk, context=context)
        if not answer["ids"]:
            sys.exit(json.dumps(answer["messages"])[:500])
        made += len(answer["ids"])
print(json.dumps({"made": made, "cpu": cpu_seconds() - before}))
