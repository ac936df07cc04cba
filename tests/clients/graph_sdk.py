"""Microsoft's own Graph client for JavaScript against m365-sim: the simulator as a third party sees it."""

import json

from harness import HERE, Bridge, check, message, run, scenario

CHECKS = "checks.mjs"


@scenario("Microsoft's Graph client lists, pages, reads, follows a delta, batches, moves, creates and sends")
def microsofts_client():
    with Bridge("--messages", "25") as bridge:
        tenant = bridge.tenant
        ids = [tenant.deliver(message(f"For the SDK {number}"), folder="SDK") for number in range(23)]
        told = {
            "url": tenant.url,
            "user": tenant.user,
            "token": tenant.access_token(),
            "delivered": len(ids),
            "mime": message("From MIME", sender=tenant.user, to="bob@elsewhere.example").decode(),
        }
        done = run(["node", HERE / "graph_sdk" / CHECKS], stdin=json.dumps(told).encode(), directory=HERE / "graph_sdk")
        lines = done.stdout.decode().splitlines()
        check(lines and lines[-1] == "all done", f"the checks did not come to their end: {lines}")
        reached = tenant.sent("bob@elsewhere.example")
        check(len(reached) == 2, f"{len(reached)} messages reached bob")
