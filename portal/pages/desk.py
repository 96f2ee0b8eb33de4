"""The desk at which pages are asked for: every request to one comes by here."""

from functools import partial

from graphql import GraphQLSchema
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from portal.answers import HTML, Refusal, bad
from portal.asked import body
from portal.call import Call
from portal.operations import Operations
from portal.pages.documents import documents
from portal.pages.page import Page, Said
from portal.pages.shown import environment
from portal.pages.table import TABLE
from portal.pages.turn import Turn
from portal.pages.typed import typed
from portal.pages.visit import Cookies, Digest, Visit
from portal.pages.visitor import SignInFirst, Visitor
from schema import ErrorCode

MOST_BYTES = 100_000
"""Of a form; the largest of ours has a few hundred short fields."""

_LATE = "Somebody has signed in or out since this page was opened. Open it again."


class Desk:
    """Serves the pages of the table to browsers, which keep a cookie for it.

    `public_url` is where people reach the portal, and `password_length` the least of a password.
    """

    def __init__(
        self,
        operations: Operations,
        schema: GraphQLSchema,
        public_url: str,
        password_length: int,
    ) -> None:
        self._operations = operations
        self._documents = documents(schema)
        self._cookies = Cookies(public_url)
        self._templates = environment(password_length=password_length)

    def routes(self) -> list[Route]:
        """Where the pages are. Whatever else is below an organization's address, is not there."""
        return [
            *(Route(page.path, partial(self._serve, page), methods=page.methods) for page in TABLE),
            Route("/{slug}/sign-out", self._sign_out, methods=["POST"]),
            Route("/{slug}/{rest:path}", _nowhere),
        ]

    def form_token(self, request: Request) -> str:
        """What a page shows when it asks with the cookie; empty where there is no cookie."""
        visit = self._cookies.read(request)
        return visit.form_token(self._digest) if visit else ""

    async def lend(self, call: Call, request: Request, form_token: str) -> str | None:
        """The access token of whoever is signed in, for a page of ours that asks the API; or None.

        It was found to be good, or the session was refreshed; the answer then brings the cookie. So
        it is lent once, before anything is answered. Raises `Refusal` for pages of others.
        """
        self._admit(request, form_token)
        visitor = self._visitor(call, request)
        await visitor.arrive()
        self._send_along(call, visitor.visit, request)
        return visitor.visit.access_token or None

    async def hand_over(self, call: Call, request: Request) -> str | None:
        """The access token of whoever is signed in, for a file that a page links to; or None.

        The session is refreshed first, so that its token lasts while the file is sent. Raises
        `Refusal` for links of others.
        """
        visit = self._cookies.read(request)
        if visit is None or not visit.access_token:
            return None
        if not self._cookies.is_wanted_here(request):
            raise Refusal(403, ErrorCode.FORBIDDEN, "This was linked to by somebody else's page.")
        visitor = self._visitor(call, request)
        await visitor.enter()
        await visitor.refresh()
        self._send_along(call, visitor.visit, request)
        return visitor.visit.access_token

    async def _serve(self, page: Page, request: Request) -> Response:
        call = _call(request)
        said = await self._said(call, request) if request.method == "POST" else None
        visitor = self._visitor(call, request)
        form_token = visitor.visit.form_token(self._digest)
        turn = Turn(page, request, visitor, self._documents, self._templates, form_token)
        with self._operations.place():
            try:
                await visitor.arrive()
                answer = await (turn.show() if said is None else turn.submit(said))
            except SignInFirst:
                answer = turn.to_sign_in()
            except Refusal as refusal:
                # Answered here, and not at the gate: the browser must keep a refreshed session.
                answer = _page_of(refusal)
        return self._keeping(visitor.visit, request, answer)

    async def _sign_out(self, request: Request) -> Response:
        call = _call(request)
        said = await self._said(call, request)
        visitor = self._visitor(call, request)
        with self._operations.place():
            await visitor.arrive()
            await visitor.sign_out(everywhere=said.get("everywhere") == "true")
        answer = RedirectResponse(f"/{request.path_params['slug']}?done=sign-out", 303)
        return self._keeping(visitor.visit, request, answer)

    async def _said(self, call: Call, request: Request) -> Said:
        """What is in the form that is sent. Raises `Refusal` for forms of others (CSRF)."""
        read = await body(call.headers, request.receive, MOST_BYTES)
        said = typed(call.headers.get(b"content-type", b""), read)
        self._admit(request, said.get("csrf", ""))
        return said

    def _admit(self, request: Request, form_token: str) -> None:
        """Let in what a page of this visit sends. Raises `Refusal`."""
        if not self._cookies.is_from_here(request):
            message = "This was sent from a page of somebody else's."
            raise Refusal(403, ErrorCode.FORBIDDEN, message)
        visit = self._cookies.read(request)
        if visit is None or not visit.is_its_form(form_token, self._digest):
            raise Refusal(403, ErrorCode.FORBIDDEN, _LATE)

    def _visitor(self, call: Call, request: Request) -> Visitor:
        visit = self._cookies.read(request) or Visit.begin()
        return Visitor(self._operations, self._documents, call, visit)

    def _keeping(self, visit: Visit, request: Request, answer: Response) -> Response:
        """The answer, with the visit for the browser to keep where it is another than before."""
        if visit != self._cookies.read(request):
            self._cookies.write(answer, visit)
        return answer

    def _send_along(self, call: Call, visit: Visit, request: Request) -> None:
        """Let an answer that is not the desk's own bring the cookie, where it is a new one."""
        answer = self._keeping(visit, request, Response())
        call.more += tuple(one for one in answer.raw_headers if one[0] == b"set-cookie")

    @property
    def _digest(self) -> Digest:
        return self._operations.service.services.tokens.digest


def _page_of(refusal: Refusal) -> Response:
    answer = refusal.answer(HTML)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return HTMLResponse(answer.body, answer.status, headers)


def _call(request: Request) -> Call:
    """The request as the gate knows it; whatever is wrong with it is said in a page."""
    call: Call = request.scope["call"]
    call.kind = HTML
    return call


async def _nowhere(request: Request) -> Response:
    _call(request)
    raise bad(404, "There is no such page.")
