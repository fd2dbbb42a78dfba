// Files on their way into the page's uploader: a picture that is pasted goes there too, and one that is too large is
// told so before a byte of it is sent. Both listen to the whole page, as the uploader is Streamlit's.

const INPUT = "[data-testid=stFileUploaderDropzoneInput]";
let current; // of the page at hand; the listeners below outlive it

export default function ({ data, parentElement }) {
  if (!current) listen();
  const place = parentElement.querySelector("p");
  // Drawn anew with the page: the sentence of the last choice stays.
  current = { ...data, place, page: location.pathname };
}

function listen() {
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    const input = here() && document.querySelector(INPUT);
    if (!files.length || !input) return;
    event.preventDefault();
    input.files = event.clipboardData.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  document.addEventListener("change", ({ target }) => { if (target.matches?.(INPUT)) check(target.files); }, true);
  document.addEventListener("drop", ({ dataTransfer }) => check(dataTransfer?.files ?? []), true);
}

function here() {
  return current.place.isConnected && current.page === location.pathname;
}

function check(files) {
  if (!here()) return;
  const large = [...files].filter(({ size }) => size > current.most * 1024 * 1024);
  current.place.textContent = large.map(({ name, size }) => current.sentence
    .replace("{file}", name).replace("{size}", Math.round(size / 1024 / 1024))).join(" ");
  if (!large.length) return;
  const link = document.createElement("a");
  Object.assign(link, { href: current.address, textContent: current.link });
  // A click on the page's menu keeps the session; the address alone would start a new one.
  link.onclick = (event) => {
    const menu = document.querySelector(`[data-testid^=stTopNav] a[href$="/${current.address}"], a[data-testid^=stTopNavLink][href$="/${current.address}"]`);
    if (menu) { event.preventDefault(); menu.click(); }
  };
  const close = document.createElement("button");
  Object.assign(close, { type: "button", textContent: "×", ariaLabel: current.close, onclick: () => current.place.replaceChildren() });
  current.place.append(" ", link, close);
}
