"""One turn of a page: a browser asks for it, or sends a form of it, and is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import orjson
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from portal.answers import PAGES, Refusal, bad
from portal.pages.documents import Document
from portal.pages.page import SEARCH, Form, Page, Problem, Said
from portal.pages.shown import Complaint, Filled, complaints
from portal.pages.table import DONE
from portal.pages.typed import variables
from portal.pages.visitor import NOT_YOURS, SignInFirst, Told, Visitor
from schema import ErrorCode

_HEADERS = {name.decode(): value.decode() for name, value in PAGES}
_INSIDE = re.compile(r"/[\w/.~?=&%+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that comes back to its page: what was typed, what is wrong, or what came of it."""

    form: Form
    said: Said
    complaints: tuple[Complaint, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """A page, who is at it, and what it takes to show it; `form_token` goes with each form."""

    page: Page
    request: Request
    visitor: Visitor
    documents: Mapping[str, Document]
    templates: Environment
    form_token: str

    async def show(self, posted: Posted | None = None) -> Response:
        """Ask the page's document, and show what is answered."""
        asked = {
            **self._query,
            **(posted.said if posted else {}),
            **self.request.path_params,
        }
        values, problems = variables(self.documents[self.page.name], asked)
        if problems:
            raise bad(400, "This address is not one of ours.")
        data = self._admitted((await self.visitor.ask(self.page.name, values)).without_errors())
        page = self.templates.get_template(f"{self.page.name}.html").render(
            **data,
            told=data,
            slug=self.request.path_params["slug"],
            path=self.request.url.path,
            query=self._query,
            done=DONE.get(self.request.query_params.get("done", ""), ""),
            form=partial(self._filled, posted),
            posted=self._filled(posted, posted.form.name) if posted else None,
        )
        return HTMLResponse(page, posted.status if posted else 200, _HEADERS)

    async def submit(self, said: Said) -> Response:
        """Run the mutation of the form that was sent; then send the browser on, or show why not."""
        form = next((one for one in self.page.forms if one.name == said.get("form")), None)
        if form is None:
            raise bad(400, "This page has no such form.")
        prepared = form.prepare(said)
        if form.name not in self.documents:
            return await self.show(Posted(form, prepared.said))
        if said.get(SEARCH):
            return await self.show(Posted(form, said))
        asked = {**prepared.said, **self.request.path_params}
        document = self.documents[form.name]
        values, found = variables(document, asked)
        problems = [*prepared.problems, *found]
        payload: dict[str, Any] = {}
        status = 422
        if not problems:
            key = _key(asked) if document.once else None
            told = await self.visitor.ask(form.name, values, key)
            problems, status = _problems(told)
            payload = told.payload
        if problems:
            wrong = complaints(problems, said, prepared.places)
            return await self.show(Posted(form, said, wrong, status=status))
        if payload.get("session"):
            await self.visitor.sign_in(payload["session"])
        if form.then is None:
            return await self.show(Posted(form, {}, result=payload))
        return RedirectResponse(self._onward(form, said, payload), 303)

    def to_sign_in(self) -> Response:
        """The way of who must sign in first; from there it leads back to the page."""
        slug = self.request.path_params["slug"]
        back = urlencode({"next": self._address})
        return RedirectResponse(f"/{slug}/login?{back}", 303)

    @property
    def _query(self) -> dict[str, str]:
        """What the address says of the page: nothing empty, nor what was done or is pasted."""
        beside = ("done", self.page.pasted)
        said = self.request.query_params.items()
        return {name: text for name, text in said if text and name not in beside}

    @property
    def _address(self) -> str:
        """The address at which the page is as it is now."""
        query = urlencode(self._query)
        return self.request.url.path + (f"?{query}" if query else "")

    def _filled(self, posted: Posted | None, name: str) -> Filled:
        """The form of this name as it is shown; the one that was posted as it came."""
        filled = Filled(name, self.form_token, self._address)
        if posted is None or posted.form.name != name:
            return filled
        return replace(filled, said=posted.said, complaints=posted.complaints, result=posted.result)

    def _admitted(self, data: dict[str, Any]) -> dict[str, Any]:
        """The data, where there is what the page needs. Raises `SignInFirst` and `Refusal`."""
        slug = self.request.path_params["slug"]
        viewer = data.get("viewer")
        if viewer and viewer["organization"]["slug"] != slug:
            viewer = data["viewer"] = None
        if self.page.needs != "organization" and viewer is None:
            raise SignInFirst
        if self.page.may and self.page.may not in data["viewer"]["permissions"]:
            raise Refusal(403, ErrorCode.FORBIDDEN, NOT_YOURS)
        if not data[self.page.needs]:
            raise bad(404, "There is no such page, or it is not for you to see.")
        return data

    def _onward(self, form: Form, said: Said, payload: Mapping[str, Any]) -> str:
        """Where a form that is done leads: to where somebody wanted to go before they signed in."""
        slug, back = self.request.path_params["slug"], said.get("next", "")
        if back.startswith(f"/{slug}/") and "//" not in back and _INSIDE.fullmatch(back):
            return back
        made = payload.get("made", {})
        assert form.then
        place = form.away if made is None else form.then
        onward = place.format(**self.request.path_params, made=(made or {}).get("id"))
        return f"{onward}?done={form.name}" if form.done else onward


def _key(asked: Said) -> str | None:
    """By what the API knows a form that is sent twice; filled in otherwise, it is another one."""
    if not asked.get("once"):
        return None
    return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _problems(told: Told) -> tuple[list[Problem], int]:
    """What is wrong with what was typed, and the status that says so."""
    if told.errors and told.errors[0]["extensions"]["code"] == ErrorCode.RATE_LIMITED:
        message = told.errors[0]["message"]
        return [{"code": ErrorCode.RATE_LIMITED, "message": message, "field": None}], 429
    told.without_errors()
    return told.payload.get("userErrors", []), 422
