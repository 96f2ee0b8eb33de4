"""Everybody who works with a clinic while its servers are killed.

Staff look after clients, newcomers register and are approved, staff come and go, and somebody
guesses a password. What they know from the answers must be so when all is over.
"""

import asyncio
import time
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import count, cycle

import httpx2

from resolvers.sessions import GRACE
from resolvers.throttles import PAIR
from tests.crash.callers import Away, Caller, Failed
from tests.crash.test_crash import Sink
from tests.mailbox import Mailbox
from tests.world import APPROVE, CONFIRM, LINK, LOGIN, PASSWORD, REGISTER

SLUG = "clinic-1"
ADMINISTRATOR = "admin.1"
BORN = "1990-05-17"
PAUSE = 0.1
"""Seconds between two guesses."""

VIEWER = "{ viewer { staff { roles { department { id } } } } }"
PRACTITIONERS = """query ($in: ID!) {
  staff(role: PRACTITIONER, departmentId: $in, first: 1) { nodes { id } }
}"""
ACTIVE = """query ($in: ID!) {
  clients(departmentId: $in, first: 50) { nodes { id onboardingState } }
}"""
PENDING = "{ clients(status: PENDING, orderBy: NEWEST, first: 50) { nodes { id email } } }"
CLIENT = "query ($id: ID!) { client(id: $id) { phone status } }"
CREATE = """mutation ($input: ClientCreateInput!) {
  clientCreate(input: $input) { client { id version } userErrors { code message field } }
}"""
UPDATE = """mutation ($id: ID!, $input: ClientUpdateInput!) {
  clientUpdate(id: $id, input: $input) { client { id version } userErrors { code message field } }
}"""
SET_STATUS = """mutation ($id: ID!) {
  client%s(id: $id) { client { id } userErrors { code message } }
}"""
SET_STAFF_STATUS = """mutation ($id: ID!) {
  staff%s(id: $id) { staff { id } userErrors { code message } }
}"""
STAFF = "{ staff(role: DEPARTMENT_ADMINISTRATOR, first: 100) { nodes { id username } } }"
REFRESH = """mutation ($refreshToken: String!) {
  sessionRefresh(refreshToken: $refreshToken) {
    session { accessToken } userErrors { code message }
  }
}"""
LOGOUT = "mutation { logout { userErrors { code } } }"


class Load:
    """Everybody who asks. What they were told was done is in `done`, client by client.

    `due` are the letters that must come of it, by recipient and name.
    """

    def __init__(self, http: httpx2.AsyncClient, servers: list[str], sink: Sink) -> None:
        self._http = http
        self._servers = servers
        self._sink = sink
        self._numbers = count(1)
        self._over = asyncio.Event()
        self.tally = Counter[str]()
        self.done = defaultdict[str, list[str]](list)
        self.due = set[tuple[str, str]]()

    def end(self) -> None:
        """Let everybody come to the end of what they are doing."""
        self._over.set()

    def caller(self) -> Caller:
        """Somebody new, at an address where nobody else is."""
        source = f"2001:db8:0:{next(self._numbers):x}::1"
        return Caller(self._http, self._servers, source, self.tally)

    async def sign_in(self, username: str) -> Caller:
        """Somebody who is signed in."""
        who = self.caller()
        return who.signed_in((await self._session(who, username))["accessToken"])

    async def care(self, lane: int) -> None:
        """A coordinator creates clients and writes down their numbers, and has a regular client.

        What was written at one server is there at the next.
        """
        who = await self.sign_in(f"cc.{lane % 3 + 1}.1")
        grants = (await who.ask(VIEWER))["staff"]["roles"]
        home = grants[0]["department"]["id"]
        ((practitioner,)) = (await who.ask(PRACTITIONERS, **{"in": home}))["nodes"]
        regulars = (await who.ask(ACTIVE, **{"in": home}))["nodes"]
        regulars = [one["id"] for one in regulars if one["onboardingState"] == "COMPLETE"]
        while not self._over.is_set():
            await self._create(who, home, practitioner["id"])
            await self._send_out_and_back(who, regulars[lane // 3])

    async def arrive(self) -> None:
        """Newcomers register, choose credentials behind the letter's link, and are approved."""
        staff = await self.sign_in(ADMINISTRATOR)
        home = (await staff.ask("{ departments { id } }"))[0]["id"]
        while not self._over.is_set():
            username = f"newcomer{next(self._numbers)}"
            email = f"{username}@home.example"
            await self._register(email, username, home)
            pending = (await staff.ask(PENDING))["nodes"]
            (id,) = [one["id"] for one in pending if one["email"] == email]
            self.done[id].append("REGISTRATION_CONFIRMED")
            await staff.do(APPROVE, id=id, input={})
            self.done[id].append("CLIENT_APPROVED")
            self.due |= {(email, "confirm_registration"), (email, "client_approved")}

    async def visit(self, username: str) -> None:
        """Somebody signs in and out, and is made inactive: it counts at once, everywhere."""
        administrator = await self.sign_in(ADMINISTRATOR)
        found = (await administrator.ask(STAFF))["nodes"]
        (id,) = [one["id"] for one in found if one["username"] == username]
        while not self._over.is_set():
            who = await self._refreshed(username)
            await self._is_known(who, known=True)
            await who.ask(LOGOUT)
            await self._is_known(who, known=False)
            who = await self.sign_in(username)
            await administrator.do(SET_STAFF_STATUS % "Deactivate", id=id)
            await self._is_known(who, known=False)
            await administrator.do(SET_STAFF_STATUS % "Reactivate", id=id)

    async def guess(self) -> None:
        """Somebody guesses at a password, at each server until it refuses to look at any more.

        They are let try as often as at one.
        """
        who = self.caller()
        refused = set[str]()
        for server in cycle(self._servers):
            with suppress(Away):
                if await self._may_guess(who.at(server)):
                    self.tally["guesses"] += 1
                else:
                    refused.add(server)
            if len(refused) == len(self._servers):
                break
            await asyncio.sleep(PAUSE)
        assert self.tally["guesses"] <= PAIR.most

    async def _create(self, who: Caller, home: str, practitioner: str) -> None:
        number = next(self._numbers)
        email = f"client{number}@home.example"
        form = {"firstName": "Nora", "lastName": "Newcomer", "dateOfBirth": BORN, "email": email}
        met = [{"practitionerId": practitioner, "departmentId": home}]
        made = await who.do(CREATE, input={**form, "departmentId": home, "associations": met})
        client = made["client"]
        self.done[client["id"]] += ["CLIENT_CREATED", "ASSOCIATION_CREATED"]
        self.due.add((email, "client_invitation"))
        for digit in range(2):
            phone = f"+1 555 {number} {digit}"
            changed = {"phone": phone, "expectedVersion": client["version"]}
            client = (await who.do(UPDATE, id=client["id"], input=changed))["client"]
            self.done[client["id"]].append("CLIENT_UPDATED")
            assert (await who.ask(CLIENT, id=client["id"]))["phone"] == phone

    async def _send_out_and_back(self, who: Caller, id: str) -> None:
        for move, action, status in (
            ("Deactivate", "CLIENT_DEACTIVATED", "INACTIVE"),
            ("Reactivate", "CLIENT_REACTIVATED", "ACTIVE"),
        ):
            await who.do(SET_STATUS % move, id=id)
            self.done[id].append(action)
            assert (await who.ask(CLIENT, id=id))["status"] == status

    async def _register(self, email: str, username: str, home: str) -> None:
        who = self.caller()
        form = {"firstName": "Nora", "lastName": "Newcomer", "dateOfBirth": BORN, "email": email}
        registration = {**form, "organization": SLUG, "departmentId": home}
        # Nobody can look whether it was done: they press the button again.
        done = await who.ask(REGISTER, input=registration)
        assert done == {"accepted": True, "userErrors": []}
        (letter, *_) = await self._sink.wait(timeout=120, to=email)
        token = Mailbox.token(letter)
        chosen = {"token": token, "username": username, "password": PASSWORD}
        while (state := (await who.ask(LINK, token=token))["state"]) == "VALID":
            with suppress(Away):
                await who.once(CONFIRM, input=chosen)
        assert state == "USED"

    async def _session(self, who: Caller, username: str) -> dict[str, str]:
        said = {"organization": SLUG, "username": username, "password": PASSWORD}
        payload = await who.ask(LOGIN, **said, surface="PORTAL")
        assert payload["userErrors"] == []
        session: dict[str, str] = payload["session"]
        return session

    async def _refreshed(self, username: str) -> Caller:
        """Somebody whose session was opened at one server and refreshed at another.

        An answer that was lost is asked for again with the same token, and for ten seconds it is
        the same.
        """
        who = self.caller()
        session = await self._session(who, username)
        started = time.monotonic()
        payload = await who.ask(REFRESH, refreshToken=session["refreshToken"])
        if payload["userErrors"]:
            assert time.monotonic() - started > GRACE.total_seconds(), payload
            return await self._refreshed(username)
        return who.signed_in(payload["session"]["accessToken"])

    async def _is_known(self, who: Caller, *, known: bool) -> None:
        """At each server, which is waited for."""
        for server in self._servers:
            viewer = await who.at(server).ask(VIEWER)
            assert (viewer is not None) is known, (server, viewer)
            self.tally["looks at a session"] += 1

    async def _may_guess(self, who: Caller) -> bool:
        said = {"organization": SLUG, "username": ADMINISTRATOR, "password": "not this, surely"}
        try:
            payload = await who.once(LOGIN, **said, surface="PORTAL")
        except Failed as failed:
            if failed.code != "RATE_LIMITED":
                raise
            return False
        (error,) = payload["userErrors"]
        assert error["code"] == "INVALID_CREDENTIALS"
        return True
