"""`GET /api/history/export`: the file; HEAD exports nothing."""

import json
from typing import Any

from keyadmin.models import Event, EventType
from keyadmin.operations import keys
from tests.api.calling import call_with_key
from tests.factories import OPERATOR, KeyFactory
from tests.fixtures.committed_rows import CommittedRows
from tests.operations.helpers import latest_event


def test_key_exports_the_history_of_its_organisation(rows: CommittedRows) -> None:
    home, elsewhere = rows.organisation(), rows.organisation()
    reader = rows.key(home, scopes=["history:read"])
    for organisation in (home, elsewhere):
        keys.revoke(actor=OPERATOR, key=KeyFactory.create(organisation=organisation, name="=1+1").id, reason="Retired")
    newest = latest_event()

    def exports() -> Any:
        return Event.objects.filter(number__gt=newest.number)

    head = call_with_key(reader, "HEAD", "/api/history/export?format=csv")
    assert (head.status_code, head["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert not exports()
    for wrong in ("", "?format=xlsx", "?format=csv&limit=5"):
        assert call_with_key(reader, "GET", f"/api/history/export{wrong}").status_code == 422
    assert not exports()

    response = call_with_key(reader, "GET", "/api/history/export?format=jsonl&q=retired")
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/jsonl", "no-store")
    assert response["Content-Disposition"].startswith('attachment; filename="history-')
    told = [json.loads(line) for line in response.getvalue().splitlines()]
    assert [line["organisation"] for line in told] == [str(home.id)]
    assert told[0] == call_with_key(reader, "GET", f"/api/history/{told[0]['number']}").json()
    event = exports().get()
    assert (event.type, event.actor_id, event.organisation_id) == (EventType.HISTORY_EXPORTED, reader.key.id, home.id)
    csv = call_with_key(reader, "GET", "/api/history/export?format=csv&target=1").getvalue().decode()
    assert ",'=1+1," in csv
    assert csv.startswith("\ufeffnumber,")
