"""The witness in etcd, over its HTTP/JSON interface, version 3: etcd's own leases measure the time.

Three keys below ``/twinmart/NAME/``: ``record`` holds the lease's data and is changed only if its revision is the one
seen; ``held`` and ``block`` hang on leases of etcd and vanish when those end, so their being there is the answer.
"""

import base64
import json
import math
import ssl
import urllib.error
import urllib.request
import uuid
from typing import Any

from twinmart.config.topology import next_epoch
from twinmart.errors import LeaseRefused, NoWitness
from twinmart.recover.witness.model import Lease

_UNAUTHENTICATED = 16


class EtcdWitness:
    """A lease in etcd. ``endpoints`` are addresses of members of one cluster; the first that answers is used."""

    def __init__(
        self,
        endpoints: tuple[str, ...],
        *,
        name: str = "twinmart",
        user: str | None = None,
        password: str = "",
        ca_file: str | None = None,
        timeout_s: float = 5,
    ) -> None:
        self._endpoints = endpoints
        self._keys = {key: _coded(f"/twinmart/{name}/{key}") for key in ("record", "held", "block")}
        self._login = (user, password) if user else None
        self._token: str | None = None
        self._timeout_s = timeout_s
        context = ssl.create_default_context(cafile=ca_file)
        # No proxy of the environment stands between a site and its witness.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def read(self) -> Lease | None:
        """Return the lease, or None where there never was one."""
        return self._read()[0]

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        """Hold the lease from now on.

        Raises:
            LeaseRefused: a higher epoch is known, or another holder of this one; NoWitness: it gives no answer.
        """
        seen, revision = self._read()
        if seen is not None and (seen.epoch > epoch or (seen.epoch == epoch and seen.holder != site)):
            raise _refused(site, seen)
        identity = seen.witness if seen else str(uuid.uuid4())
        beat = seen.beat + 1 if seen else 1
        changes_holder = seen is not None and seen.holder != site
        new = Lease(identity, site, epoch, beat, grace_s, fences, is_held=True, block_s=seen.block_s if seen else 0)
        return self._write(new, seen, revision, block_s if changes_holder else 0)

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        """Take a lease that has ended.

        Raises:
            LeaseRefused: it is not as it was seen, is held, or blocked; NoWitness: it gives no answer.
        """
        found, revision = self._read()
        is_as_seen = found is not None and (found.witness, found.beat) == (seen.witness, seen.beat)
        if found is None or not is_as_seen or found.is_held or found.block_s > 0:
            raise _refused(site, found)
        epoch = next_epoch(found.epoch, site)
        new = Lease(found.witness, site, epoch, found.beat + 1, found.grace_s, found.fences, is_held=True)
        return self._write(new, found, revision, block_s)

    def acknowledge(self) -> None:
        """End the anti-flap block."""
        self._call("kv/deleterange", {"key": self._keys["block"]})

    def _read(self) -> tuple[Lease | None, str]:
        """Return the lease and the revision of its record; all three keys are read at one moment."""
        asked = [{"request_range": {"key": key}} for key in self._keys.values()]
        answers = self._call("kv/txn", {"success": asked})["responses"]
        record, held, block = (next(iter(one["response_range"].get("kvs", [])), None) for one in answers)
        if record is None:
            return None, "0"
        data = json.loads(base64.b64decode(record["value"]))
        left_s = 0.0
        if block is not None:
            told = self._call("lease/timetolive", {"ID": block["lease"]})
            left_s = max(float(told.get("TTL", 0)), 1.0)
        return Lease(**data, is_held=held is not None, block_s=left_s), record["mod_revision"]

    def _write(self, new: Lease, seen: Lease | None, revision: str, block_s: float) -> Lease:
        fields = ("witness", "holder", "epoch", "beat", "grace_s", "fences")
        data = json.dumps({field: getattr(new, field) for field in fields})
        puts = [
            {"request_put": {"key": self._keys["record"], "value": _coded(data)}},
            {"request_put": {"key": self._keys["held"], "value": "", "lease": self._grant(new.grace_s)}},
        ]
        if block_s:
            puts.append({"request_put": {"key": self._keys["block"], "value": "", "lease": self._grant(block_s)}})
        unchanged = {"key": self._keys["record"], "target": "MOD", "result": "EQUAL", "mod_revision": revision}
        if not self._call("kv/txn", {"compare": [unchanged], "success": puts}).get("succeeded"):
            raise _refused(new.holder, seen)
        return new

    def _grant(self, seconds: float) -> str:
        return str(self._call("lease/grant", {"TTL": math.ceil(seconds)})["ID"])

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._login and self._token is None:
            self._authenticate()
        try:
            return self._post(path, body)
        except _Unauthenticated:
            # Tokens end after some minutes.
            self._authenticate()
            return self._post(path, body)

    def _authenticate(self) -> None:
        user, password = self._login or ("", "")
        self._token = None
        self._token = self._post("auth/authenticate", {"name": user, "password": password})["token"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        failures = []
        for endpoint in self._endpoints:
            try:
                return self._ask(f"{endpoint.rstrip('/')}/v3/{path}", body)
            except urllib.error.HTTPError as error:
                told = error.read().decode(errors="replace")
                failures.append(f"{endpoint}: {error.code} {told.strip()}")
                if self._token and f'"code":{_UNAUTHENTICATED}' in told.replace(" ", ""):
                    raise _Unauthenticated from None
            except (OSError, ValueError) as error:  # URLError is an OSError; ValueError: no JSON came
                failures.append(f"{endpoint}: {error}")
        raise NoWitness(
            "the witness in etcd gives no answer",
            detail="\n".join(failures),
            hint="Look with: twinmart witness status.",
        )

    def _ask(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = self._token
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  http or https, checked
        with self._opener.open(request, timeout=self._timeout_s) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


class _Unauthenticated(Exception):
    """The token is no longer good."""


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _refused(site: int, found: Lease | None) -> LeaseRefused:
    return LeaseRefused(
        f"the witness does not give its lease to site {site}",
        detail=f"it has {found}",
        hint="Nothing was changed. Look with: twinmart witness status.",
    )
