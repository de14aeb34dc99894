"""Rows of a real PostgreSQL into a real Odoo: what is there afterwards is told by SQL."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import pytest

import zenoo_fast

pytestmark = pytest.mark.odoo

ROWS = 3000
QUERY = """
select $1 || g as name, (g % 12)::int2 as color, (g / 8.0)::numeric(12, 3) as partner_latitude,
       g % 2 = 0 as is_company, (select min(id) from res_country) as country_id,
       (select array_agg(id order by id) from res_partner_category where name->>'en_US' like $1 || '%') as category_id,
       case when g = 7 then 'nonsense' else 'contact' end as type, null::text as ref
from generate_series(0, $2::int - 1) g order by g
"""


async def test_postgresqls_types_arrive_as_odoos(cached_odoo: Any) -> None:
    found = cached_odoo.get()
    mark = f"zf-query-{uuid.uuid4().hex[:10]}-"
    odoo = found.odoo
    uri = f"postgresql://odoo@/{odoo.database}?host={quote(str(found.socket), safe='')}&port={found.port}"
    async with zenoo_fast.ZenooClient(odoo.url) as client:
        await client.login_with_api_key(odoo.database, odoo.login, odoo.api_key)
        for one in "ab":
            await client.create("res.partner.category", {"name": f"{mark}{one}"})
        rows = zenoo_fast.sql(uri, QUERY, (mark, str(ROWS)))
        report = await zenoo_fast.import_records(client, "res.partner", rows)
    assert (report.read, report.created, report.rejected) == (ROWS, ROWS - 1, 1)
    assert (report.rejects[0].row, report.rejects[0].field) == (7, "type")
    stored = odoo.sql(
        f"select name, color, partner_latitude, is_company, country_id = (select min(id) from res_country), "
        f"(select count(*) from res_partner_res_partner_category_rel where partner_id = p.id), ref "
        f"from res_partner p where name like '{mark}%' order by color desc, name limit 1"
    )
    (name, color, latitude, company, country, tags, ref) = stored[0]
    number = int(name.removeprefix(mark))
    assert (int(color), float(latitude), company) == (number % 12, number / 8, "t" if number % 2 == 0 else "f")
    assert (country, tags, ref) == ("t", "2", "")
    assert odoo.sql(f"select count(*) from res_partner where name like '{mark}%'") == [(str(ROWS - 1),)]
