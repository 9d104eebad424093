from eventually import eventually
from served import Served


def test_a_backup_is_made_listed_checked_and_removed(served: Served) -> None:
    served.run("echo kept")
    made = served.client.post("/api/backups", params={"wait": "30s"})
    assert made.status_code == 201, made.text
    backup = made.json()["backup"]
    assert backup["executions"] >= 1
    listed = served.client.get("/api/backups").json()
    assert listed["backups"][0] == backup
    assert (listed["schedule"], listed["next_at"], listed["keep"]) == (None, None, 7)
    assert served.client.get(f"/api/backups/{backup['id']}").json() == backup
    verified = served.client.post(f"/api/backups/{backup['id']}/verify").json()
    assert verified["is_verified"]
    assert verified["verified_at"] > backup["verified_at"]
    assert served.client.delete(f"/api/backups/{backup['id']}").status_code == 200
    assert served.client.get(f"/api/backups/{backup['id']}").status_code == 404


def test_a_backup_that_nobody_waits_for_is_seen_being_made(served: Served) -> None:
    begun = served.client.post("/api/backups").json()
    eventually(lambda: served.client.get("/api/backups").json()["running"] is None)
    first = served.client.get("/api/backups").json()["backups"][0]
    assert (first["id"], first["is_verified"]) == (begun["id"], True)
