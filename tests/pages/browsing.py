"""A browser without scripts, as far as pages need one: links, forms, and one jar of cookies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from tests.world import PASSWORD, PUBLIC_URL, World

_VOID = {"input", "meta", "link", "br", "img"}


@dataclass
class Form:
    """A form of a page: where it goes, and its controls with what stands in them."""

    method: str
    action: str
    controls: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each select: the values of what can be chosen, by what they are called."""
    boxes: dict[str, bool] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    """The names of the controls, by their labels."""
    buttons: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the form is called."""
        return self.controls.get("form", "")


class _Reader(HTMLParser):
    """Reads a page: its forms and links, and its text as it is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._form: Form | None = None
        self._for: dict[str, str] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.tags.append((tag, said))
        if tag == "form":
            self._form = Form(said.get("method", "get"), said.get("action", ""))
            self.forms.append(self._form)
        form = self._form
        if "id" in said:
            assert said["id"] not in self.ids, f"two of id {said['id']}"
            self.ids[said["id"]] = said.get("name", "")
        if form and tag == "input":
            if said.get("type") == "checkbox":
                form.boxes[said["name"]] = "checked" in said
            else:
                form.controls[said["name"]] = said.get("value", "")
        if form and tag == "select":
            self._select = said["name"]
            form.controls[said["name"]] = ""
            form.options[said["name"]] = {}
        if form and tag == "option" and "selected" in said:
            form.controls[self._select] = said["value"]
        if tag not in _VOID:
            self._open.append((tag, said, []))

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        for _, _, heard in self._open:
            heard.append(data)

    def handle_endtag(self, tag: str) -> None:
        opened, said, heard = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        words = " ".join("".join(heard).split())
        if tag == "a":
            self.links[words] = said["href"]
        elif tag == "label" and self._form:
            self._for[said["for"]] = words
        elif tag == "button" and self._form:
            self._form.buttons.append(words)
        elif tag == "option" and self._form:
            self._form.options[self._select][words] = said["value"]
        elif tag == "form":
            assert self._form
            # A select of which nothing is chosen shows its first option.
            for name, options in self._form.options.items():
                if self._form.controls[name] not in options.values():
                    self._form.controls[name] = next(iter(options.values()), "")
            self._form = None

    def close(self) -> None:
        super().close()
        assert not self._open, self._open
        for id, label in self._for.items():
            assert id in self.ids, f"the label {label!r} is of nothing"
            for form in self.forms:
                if self.ids[id] in {*form.controls, *form.boxes}:
                    form.labels.setdefault(label, self.ids[id])


class Browser:
    """Somebody's browser, at the portal's own address. An asynchronous context manager.

    `answer` is the last one, after all redirects.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=world.app, client=("198.51.100.7", 4711)),
            base_url=PUBLIC_URL,
            follow_redirects=True,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def open(self, path: str, status: int = 200) -> Self:
        """Go to the address."""
        return self._see(await self.http.get(path, headers={"accept": "text/html"}), status)

    async def follow(self, link: str) -> Self:
        """Click the link of these words."""
        return await self.open(self.page.links[link])

    async def send(self, form: str, /, **said: Any) -> Self:
        """Fill in the form of this name, and press its button.

        What is `said` is by the names of the controls; a box is True or False, and of a select it
        is what its option is called. Other controls are left as they are.
        """
        return await self.submit(form, 200, said)

    async def fail(self, form: str, /, **said: Any) -> Self:
        """Fill it in so that it comes back with what is wrong."""
        return await self.submit(form, 422, said)

    async def search(self, form: str, /, **said: Any) -> Self:
        """Fill it in, and press its button for searching."""
        return await self.submit(form, 200, said, {"search": "true"})

    async def submit(
        self,
        form: str,
        status: int,
        said: Mapping[str, Any],
        pressed: Mapping[str, str] | None = None,
    ) -> Self:
        """Fill it in, press a button, which may say something, and be answered with this status."""
        found = self.form(form)
        values = dict(found.controls)
        boxes = dict(found.boxes)
        for control, value in said.items():
            if isinstance(value, bool):
                assert control in boxes, f"no box {control} in {boxes}"
                boxes[control] = value
            else:
                assert control in values, f"no control {control} in {sorted(values)}"
                options = found.options.get(control)
                values[control] = options[value] if options else value
        checked = {name: "true" for name, is_checked in boxes.items() if is_checked}
        body = {**values, **checked, **(pressed or {})}
        headers = {"origin": PUBLIC_URL, "accept": "text/html"}
        return self._see(await self.http.post(found.action, data=body, headers=headers), status)

    async def sign_in(self, username: str) -> Self:
        """Sign in at riverside, and see the page that it leads to."""
        await self.open("/riverside/login")
        return await self.send("sign-in", username=username, password=PASSWORD)

    def form(self, name: str) -> Form:
        """The form of this name on the page."""
        found = [form for form in self.page.forms if form.name == name]
        assert found, f"no form {name} among {[form.name for form in self.page.forms]}"
        return found[0]

    def has(self, name: str) -> bool:
        """Whether the page has a form of this name."""
        return any(form.name == name for form in self.page.forms)

    @property
    def text(self) -> str:
        """What is to be read on the page."""
        return " ".join("".join(self.page.text).split())

    @property
    def path(self) -> str:
        """Where the browser is."""
        return urlsplit(str(self.answer.url)).path

    def _see(self, answer: httpx2.Response, status: int) -> Self:
        assert answer.status_code == status, f"{answer.status_code} {answer.url}: {answer.text}"
        self.answer = answer
        self.page = _Reader()
        self.page.feed(answer.text)
        self.page.close()
        return self
