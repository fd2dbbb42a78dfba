"""A visitor of the running app without a browser: Streamlit's own messages over its WebSocket, uploads over HTTP."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from scripts.serving import Server

JSON_BUTTON, FORGET_BUTTON = "Reading (JSON)", "Forget all"
XSRF_COOKIE = "_streamlit_xsrf="
# To the app's own machine and nowhere else, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Seen:
    """What one run of the script drew.

    Attributes:
        elements: in the places where they stand at its end.
        texts: everything that was written, also what was taken away again, such as "Waiting: 2 readings".
        fragments: ids of the parts of the page that run by themselves, by the places of what is in them.
    """

    elements: dict[tuple[int, ...], Element] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    fragments: dict[tuple[int, ...], str] = field(default_factory=dict)

    def button(self, label: str) -> str:
        """Id of a button; raises KeyError where there is none."""
        for element in self.elements.values():
            if element.WhichOneof("type") == "button" and element.button.label == label:
                return element.button.id
        raise KeyError(label)

    def download(self, label: str) -> str:
        """Address of a download; raises KeyError where there is none."""
        for element in self.elements.values():
            if element.WhichOneof("type") == "download_button" and element.download_button.label == label:
                return element.download_button.url
        raise KeyError(label)

    def uploader(self) -> str:
        """Id of the file uploader; raises KeyError where there is none."""
        for element in self.elements.values():
            if element.WhichOneof("type") == "file_uploader":
                return element.file_uploader.id
        raise KeyError("file uploader")

    def add(self, message: ForwardMsg) -> None:
        """Take in one delta."""
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        place = tuple(message.metadata.delta_path)
        self.elements[place] = element
        self.fragments[place] = message.delta.fragment_id
        kind = element.WhichOneof("type")
        if kind in ("alert", "markdown", "heading", "text", "html"):
            self.texts.append(getattr(element, kind).body)


class Visitor:
    """One open page. Close it, or use it in a `with` block."""

    def __init__(
        self, server: Server, patience: float = 120, known_as: str = "", *, page: str = "", query: str = ""
    ) -> None:
        """Open a page.

        Args:
            server: that runs the app.
            patience: seconds to wait for each message.
            known_as: id of the session that a page had which lost its connection.
            page: its path, such as "classroom"; the first page by default.
            query: of its address, without the question mark.
        """
        self._server, self._patience = server, patience
        self._path, self.query = page, query
        # Parts of the page that run by themselves: id -> seconds between two runs.
        self.timers: dict[str, float] = {}
        with _OPENER.open(f"{server.url}/_stcore/health", timeout=patience) as answer:
            # Streamlit's against strangers' pages, and that of a proxy which leads back to the same replica.
            cookies = [cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie", [])]
        self._cookie = "; ".join(cookies)
        self._token = next(text.split("=", 1)[1].strip('"') for text in cookies if text.startswith(XSRF_COOKIE))
        self._open = ExitStack()
        socket = connect(
            f"ws://{urlsplit(server.url).netloc}/_stcore/stream",
            origin=Origin(server.url),
            subprotocols=[Subprotocol(part) for part in ("streamlit", self._token, known_as) if part],
            additional_headers={"Cookie": self._cookie},
            compression=None,
            max_size=None,
            proxy=None,
        )
        self._socket = self._open.enter_context(socket)
        self.session_id = self._page = ""
        self.seen, self.running = Seen(), True
        self.run()

    def __enter__(self) -> Visitor:
        """Nothing more to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the page."""
        self.close()

    def close(self) -> None:
        """Go away, as a browser does when its window is closed."""
        self._open.close()

    def run(self, *states: WidgetState) -> Seen:
        """Have the script run with these widgets changed, and see what it draws."""
        self.ask(*states)
        return self.wait()

    def ask(self, *states: WidgetState, fragment: str = "", timer: bool = False) -> None:
        """Have the script run with these widgets changed.

        Args:
            states: of the widgets.
            fragment: id of the part that runs; the whole script by default.
            timer: whether its timer asks for it, and no person.
        """
        message = BackMsg()
        client = message.rerun_script
        client.page_script_hash, client.page_name, client.query_string = self._page, self._path, self.query
        client.fragment_id, client.is_auto_rerun = fragment, timer
        client.context_info.url = f"{self._server.url}/{self._path}"
        client.widget_states.widgets.extend(states)
        self._socket.send(message.SerializeToString())

    def wait(self) -> Seen:
        """What the script draws until it has come to its end."""
        self.seen = Seen()
        while not self.take(self._next()):
            pass
        return self.seen

    def take(self, message: ForwardMsg) -> bool:
        """Take in one message of the server.

        Returns:
            Whether a run of the script, or of a part of it, has come to its end with it.
        """
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id
            self._page = message.new_session.page_script_hash
            if not message.metadata.run.fragment_ids:
                self.running = True
                self.timers.clear()
                self.seen = Seen(texts=self.seen.texts)
        elif kind == "navigation":
            # The page that `st.navigation` runs, and not app.py: a part that runs by itself may rerun it.
            self._page = message.navigation.page_script_hash
        elif kind == "delta":
            self.seen.add(message)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        if kind != "script_finished" or message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
        self.running = False
        return True

    def upload(self, files: Sequence[tuple[str, bytes]]) -> WidgetState:
        """Send files to the server; returns what `run` needs to have them read."""
        request = BackMsg()
        request.file_urls_request.request_id = uuid.uuid4().hex
        request.file_urls_request.session_id = self.session_id
        request.file_urls_request.file_names.extend(name for name, _ in files)
        self._socket.send(request.SerializeToString())
        while (message := self._next()).WhichOneof("type") != "file_urls_response":
            pass
        state = WidgetState(id=self.seen.uploader())
        infos = state.file_uploader_state_value.uploaded_file_info
        for (name, data), urls in zip(files, message.file_urls_response.file_urls, strict=True):
            self._put(urls, name, data)
            infos.append(UploadedFileInfo(name=name, size=len(data), file_id=urls.file_id, file_urls=urls))
        return state

    def read(self, *files: tuple[str, bytes]) -> Seen:
        """Upload files and wait until the page shows what became of them."""
        return self.run(self.upload(files))

    def press(self, label: str) -> Seen:
        """Press a button."""
        return self.run(WidgetState(id=self.seen.button(label), trigger_value=True))

    def reading(self) -> dict[str, Any]:
        """The reading that the page offers as JSON; raises KeyError where it shows none."""
        reading: dict[str, Any] = json.loads(self.get(JSON_BUTTON))
        return reading

    def get(self, label: str) -> bytes:
        """What a download button gives; raises KeyError where there is none."""
        request = urllib.request.Request(self._server.url + self.seen.download(label), headers={"Cookie": self._cookie})
        with _OPENER.open(request, timeout=self._patience) as answer:
            return bytes(answer.read())

    def next_within(self, seconds: float) -> ForwardMsg | None:
        """The next message of the server; None where none comes in time."""
        try:
            return ForwardMsg.FromString(self._socket.recv(seconds, decode=False))
        except TimeoutError:
            return None

    def _put(self, urls: FileURLs, name: str, data: bytes) -> None:
        """As the front end does it: one part of a form, with the token that keeps strangers' pages out."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        body = f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data + f"\r\n--{mark}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Cookie": self._cookie,
            "X-Xsrftoken": self._token,
        }
        request = urllib.request.Request(self._server.url + urls.upload_url, body, headers, method="PUT")
        _OPENER.open(request, timeout=self._patience).close()

    def _next(self) -> ForwardMsg:
        return ForwardMsg.FromString(self._socket.recv(self._patience, decode=False))
