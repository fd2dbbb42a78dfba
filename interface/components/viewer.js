// Pictures that zoom, move and change their window together, with a heatmap for each class. Everything but the choice
// of a picture happens in the browser; the server is told of the chosen class, for what it exports.

const MOST = 10; // times
const STEP = 1.25;
const SVG = "http://www.w3.org/2000/svg";
const EXPORTED = [0, 1];
const KEYS = "arrow keys move, plus and minus zoom, i inverts, 0 resets, 1 to 3 choose a class, h hides the heatmap, f is full screen";
const WIDE = 960; // pixels from which a picture and its heatmap stand side by side without being asked to
const LENGTHS = [1, 2, 5, 10, 20]; // centimetres that a scale bar may have
const viewers = new WeakMap();
// What a person set once holds for every picture until the tab is closed.
const kept = { opacity: 0.6, outline: false, heat: true, tool: "move", layout: null };

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let viewer = viewers.get(parentElement);
  if (!viewer?.root.isConnected) {
    viewer = new Viewer(parentElement.querySelector(".viewer"));
    viewers.set(parentElement, viewer);
  }
  Object.assign(viewer, { setStateValue, setTriggerValue });
  viewer.update(JSON.parse(data.content));
}

function set(element, name, value) {
  // Setting what is there already would load a picture again.
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// The texts of viewer.html, each with what puts another in its place; the English is the key to its translation.
function texts(root) {
  const all = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      const english = node.nodeValue.trim().replace(/\s+/g, " ");
      if (/[a-z]/i.test(english)) all.push([english, (text) => { node.nodeValue = text; }]);
    } else {
      for (const name of ["title", "aria-label"]) {
        if (node.hasAttribute(name)) all.push([node.getAttribute(name), (text) => set(node, name, text)]);
      }
    }
  }
  return all;
}

function made(name, parent, attributes = {}, text = "") {
  const element = parent.namespaceURI === SVG || name === "svg" ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return parent.appendChild(element);
}

// CSS filters that map the greys from low to high onto black to white. `brightness` multiplies, `contrast` turns about
// mid-grey; in this order neither cuts off greys that the other brings back.
function linear([low, high], inverted) {
  const slope = 1 / (high - low);
  const [contrast, brightness] = low < 0 ? [1 / (1 - 2 * low), slope * (1 - 2 * low)] : [1 + 2 * low * slope, slope / (1 + 2 * low * slope)];
  const both = [`brightness(${brightness})`, `contrast(${contrast})`];
  return `${(low < 0 ? both.reverse() : both).join(" ")}${inverted ? " invert(1)" : ""}`;
}

class Viewer {
  constructor(root) {
    const all = (selector) => [...root.querySelectorAll(selector)];
    Object.assign(this, { root, texts: texts(root), figures: [], fingers: new Map(), layer: null, hiding: false });
    for (const part of ["panels", "strip", "summary", "classes", "announced", "filters", "stages"]) this[part] = root.querySelector(`.${part}`);
    for (const button of all("[data-do]")) button.onclick = () => this[button.dataset.do]();
    for (const button of all("[data-tool]")) button.onclick = () => { kept.tool = button.dataset.tool; this.draw(); };
    for (const button of all("[data-layout]")) button.onclick = () => { kept.layout = button.dataset.layout; this.arrange(); };
    root.querySelector("[data-do=full]").hidden = !root.requestFullscreen; // not on iPhones
    this.select = root.querySelector("select");
    this.select.onchange = () => { [this.curve, this.window] = [this.select.value, EXPORTED]; this.draw(); };
    this.sliders = Object.fromEntries(all("input").map((input) => [input.name, input]));
    for (const name of ["brightness", "contrast"]) {
      this.sliders[name].oninput = () => this.light(Number(this.sliders.brightness.value), Number(this.sliders.contrast.value));
    }
    this.sliders.opacity.oninput = () => { kept.opacity = this.sliders.opacity.value / 100; this.draw(); };
    root.onkeydown = (event) => this.key(event);
    root.addEventListener("fullscreenchange", () => { this.hiding = false; this.arrange(); });
    const adjust = root.querySelector(".adjust");
    root.addEventListener("pointerdown", ({ target }) => { if (!adjust.contains(target)) adjust.open = false; });
    new ResizeObserver(() => this.fit()).observe(root);
    // Streamlit scrolls a part of the page, and a window that changes its height alone does not resize the viewer.
    addEventListener("resize", () => this.fit());
  }

  get presenting() { return this.root.matches(":fullscreen"); }

  update(data) {
    this.data = data;
    this.root.lang = data.language;
    this.keys = data.words[KEYS] ?? KEYS;
    this.percent = new Intl.NumberFormat(data.language, { style: "percent" });
    for (const [english, say] of this.texts) say(data.words[english] ?? english);
    const ramp = this.root.querySelector(".ramp img");
    set(ramp, "src", data.scale.picture);
    set(ramp, "alt", data.scale.alt);
    this.root.querySelector(".scale p").textContent = data.scale.caption;
    this.filters.replaceChildren();
    data.panels.forEach(({ curves }, place) => Object.entries(curves).forEach(([name, values]) => {
      const filter = made("filter", this.filters, { id: `${name}${place}`, "color-interpolation-filters": "sRGB" });
      const transfer = made("feComponentTransfer", filter);
      for (const channel of "RGB") made(`feFunc${channel}`, transfer, { type: "table", tableValues: values.join(" ") });
    }));
    this.list(this.classes, data.classes, (button, { name }, place) => {
      button.textContent = name;
      button.title = `${name} (${place + 1})`;
      button.onclick = () => this.choose(place);
    });
    this.list(this.strip, data.strip, (button, { key, label, picture }, place) => {
      if (!button.firstChild) { made("img", button, { alt: "" }); made("span", button, { "aria-hidden": "true" }); }
      set(button.firstChild, "src", picture);
      button.lastChild.textContent = place + 1;
      button.title = button.ariaLabel = label;
      button.ariaPressed = key === data.current;
      button.onclick = () => this.setTriggerValue("choose", key);
      button.onkeydown = (event) => this.along(event, place);
    });
    if (this.shown !== data.shown) {
      const first = this.shown === undefined;
      Object.assign(this, { shown: data.shown, layer: null });
      this.reset();
      // A live region is heard when its text changes after it is there.
      setTimeout(() => { this.announced.textContent = data.status; }, first ? 300 : 0);
      if (data.status && !this.presenting) requestAnimationFrame(() => this.intoView());
    }
    this.describe();
    this.arrange();
  }

  list(parent, items, fill) {
    parent.hidden = items.length < 2;
    while (parent.children.length > items.length) parent.lastChild.remove();
    while (parent.children.length < items.length) made("button", parent, { type: "button" });
    items.forEach((item, place) => fill(parent.children[place], item, place));
  }

  // Decision and scores, which the page itself shows beside the viewer except in full screen.
  describe() {
    this.summary.replaceChildren();
    for (const { summary } of this.data.panels) {
      if (!summary) continue;
      made("h2", this.summary, {}, summary.headline);
      made("p", this.summary, {}, summary.sentence);
      summary.scores.forEach(([name, text, share]) => {
        const row = made("div", this.summary, { class: "score" });
        made("span", row, {}, name);
        made("b", row, {}, text);
        made("i", row, { style: `--share: ${100 * share}%`, "aria-hidden": "true" });
      });
    }
  }

  intoView() {
    // On a phone always, where the finding is below the picture.
    const { top } = this.root.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2 || innerWidth < 640) this.root.scrollIntoView({ block: "start" });
  }

  // Which picture with which heatmap stands in which place: [panel, layer or null].
  places() {
    const { panels } = this.data;
    const of = (panel) => (panel.layers.length ? this.layer ?? panel.chosen : null);
    if (!this.arranged) return panels.map((panel) => [panel, of(panel)]);
    const [panel] = panels;
    if (this.layout === "classes") return panel.layers.map((_, place) => [panel, place]);
    return this.layout === "pair" ? [[panel, null], [panel, of(panel)]] : [[panel, of(panel)]];
  }

  arrange() {
    const { panels } = this.data;
    // One picture can be laid out in several ways; two that are compared, or a panel without heatmaps, can't.
    this.arranged = panels.length === 1 && panels[0].layers.length > 0;
    const layers = Math.max(...panels.map((panel) => panel.layers.length));
    this.layout = kept.layout ?? (this.root.clientWidth < WIDE ? "single" : "pair");
    if (this.layout === "classes" && layers < 2) this.layout = "pair";
    const places = this.places();
    this.panels.style.setProperty("--count", places.length);
    this.panels.style.setProperty("--shape", this.data.shape);
    while (this.figures.length > places.length) this.figures.pop().figure.remove();
    while (this.figures.length < places.length) this.figures.push(this.figure());
    places.forEach(([panel, layer], place) => {
      this.figures[place].panel = panel;
      fill(this.figures[place], panel, layer, this.data.pictures[panel.picture], this.keys);
    });
    this.root.querySelector(".layouts").hidden = !this.arranged;
    this.root.querySelector("[data-layout=classes]").hidden = layers < 2;
    this.root.querySelector(".heated").hidden = !layers;
    this.root.querySelector("[data-do=outline]").hidden = !panels.some((panel) => panel.outline);
    this.draw();
    this.fit();
  }

  // The pictures get the height that the window has left, so that they are seen as a whole without scrolling.
  fit() {
    const [{ stage } = {}] = this.figures;
    if (!stage || !stage.offsetHeight) return;
    const rest = this.root.offsetHeight - this.stages.offsetHeight + (stage.parentElement.offsetHeight - stage.offsetHeight);
    const scrolled = this.root.getRootNode().host?.closest("[data-testid=stMain]")?.scrollTop ?? 0;
    const top = this.presenting ? 0 : Math.min(this.root.getBoundingClientRect().top + scrolled, innerHeight * 0.4);
    const room = this.presenting ? this.stages.clientHeight - (stage.parentElement.offsetHeight - stage.offsetHeight) : innerHeight - top - rest - 12;
    this.root.style.setProperty("--room", `${Math.max(Math.floor(room), 220)}px`);
    this.measure();
  }

  figure() {
    const figure = made("figure", this.panels);
    const stage = made("div", figure, { class: "stage", tabindex: "0", role: "application" });
    const layers = made("div", stage, { class: "layers" });
    const [grey, heat] = [0, 1].map(() => made("img", layers, { alt: "", draggable: "false" }));
    const outline = made("svg", layers, { "aria-hidden": "true" });
    const lines = ["rim", "line"].map((name) => made("path", outline, { class: name }));
    const ruler = made("div", stage, { class: "ruler" });
    made("span", ruler);
    stage.ondblclick = (event) => (this.zoom > 1 ? this.whole() : this.zoomAt(2, ...place(stage, event)));
    stage.onpointerdown = (event) => { this.fingers.set(event.pointerId, event); stage.setPointerCapture(event.pointerId); };
    stage.onpointermove = (event) => this.drag(stage, event);
    stage.onpointerup = stage.onpointercancel = (event) => this.fingers.delete(event.pointerId);
    stage.addEventListener("wheel", (event) => {
      // The wheel alone scrolls the page, except where there is no page to scroll.
      if (!event.ctrlKey && !event.metaKey && !this.presenting) return;
      event.preventDefault();
      this.zoomAt(2 ** (-event.deltaY / 300), ...place(stage, event));
    }, { passive: false });
    return { figure, stage, layers, grey, heat, outline, lines, ruler, caption: made("figcaption", figure) };
  }

  draw() {
    const [low, high] = this.window;
    const hidden = this.hiding || !kept.heat;
    for (const { stage, layers, grey, heat, outline, panel } of this.figures) {
      layers.style.transform = `translate(${this.x * 100}%, ${this.y * 100}%) scale(${this.zoom})`;
      layers.style.setProperty("--zoom", this.zoom);
      const curve = this.curve === "exported" ? "" : `url("#${this.curve}${this.data.panels.indexOf(panel)}") `;
      grey.style.filter = curve + linear(this.window, this.inverted);
      heat.style.opacity = hidden ? 0 : kept.opacity;
      outline.style.display = kept.outline ? "" : "none";
      stage.classList.toggle("held", this.zoom > 1);
      stage.classList.toggle("windowing", kept.tool === "window");
    }
    this.measure();
    this.root.classList.toggle("hiding", this.hiding);
    this.root.querySelector(".ramp img").style.opacity = hidden ? 0 : kept.opacity;
    this.root.querySelector(".zoom").textContent = this.percent.format(this.zoom);
    this.sliders.brightness.value = Math.round((1 - low - high) * 100);
    this.sliders.contrast.value = Math.round(-50 * Math.log2(high - low));
    this.sliders.opacity.value = Math.round(kept.opacity * 100);
    this.sliders.opacity.nextElementSibling.textContent = this.percent.format(kept.opacity);
    this.select.value = `${this.window}` === `${EXPORTED}` ? this.curve : "custom";
    const pressed = { invert: this.inverted, outline: kept.outline, heat: kept.heat, hide: this.hiding, full: this.presenting };
    for (const [name, value] of Object.entries(pressed)) this.root.querySelector(`[data-do=${name}]`).ariaPressed = value;
    const { layout } = this;
    for (const button of this.root.querySelectorAll("[data-tool]")) button.ariaPressed = button.dataset.tool === kept.tool;
    for (const button of this.root.querySelectorAll("[data-layout]")) button.ariaPressed = button.dataset.layout === layout;
    const all = this.arranged && layout === "classes";
    [...this.classes.children].forEach((button, place) => {
      button.ariaPressed = all || this.data.panels.some((panel) => (this.layer ?? panel.chosen) === place);
    });
  }

  // The length of each scale bar, in whole centimetres and at most a third of the picture.
  measure() {
    for (const { stage, ruler, panel } of this.figures) {
      const { clientWidth: width, clientHeight: height } = stage;
      const pixels = Math.min(width / panel.size[0], height / panel.size[1]) * this.zoom;
      const centimetre = (10 / panel.spacing) * pixels;
      const length = LENGTHS.findLast((centimetres) => centimetres * centimetre <= width / 3);
      ruler.hidden = !panel.spacing || !length;
      if (ruler.hidden) continue;
      ruler.style.width = `${length * centimetre}px`;
      ruler.firstChild.textContent = `${length} cm ${panel.plane}`;
    }
  }

  choose(layer) {
    if (layer >= this.data.classes.length) return;
    this.layer = layer;
    if (this.layout === "classes") kept.layout = "single";
    kept.heat = true;
    this.arrange();
    this.setStateValue("layer", `${this.shown} ${layer}`);
  }

  // The picture before or after the one at hand.
  step(by) {
    const { strip, current } = this.data;
    const next = strip[strip.findIndex(({ key }) => key === current) + by];
    if (next) this.setTriggerValue("choose", next.key);
  }

  along(event, place) {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const next = by && this.strip.children[place + by];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    if (next) { next.focus(); next.click(); }
  }

  zoomAt(factor, x = 0.5, y = 0.5) {
    const zoom = Math.min(Math.max(this.zoom * factor, 1), MOST);
    const [left, top] = [x - ((x - this.x) * zoom) / this.zoom, y - ((y - this.y) * zoom) / this.zoom];
    this.zoom = zoom;
    this.move(left, top);
  }

  // Shares of the picture's side, so that pictures of different sizes move together; never beyond the border.
  move(x, y) {
    [this.x, this.y] = [x, y].map((side) => Math.min(Math.max(side, 1 - this.zoom), 0));
    this.draw();
  }

  light(brightness, contrast) {
    const centre = 0.5 - Math.min(Math.max(brightness, -100), 100) / 200;
    const half = 2 ** (-Math.min(Math.max(contrast, -100), 100) / 50) / 2;
    this.window = [centre - half, centre + half];
    this.draw();
  }

  drag(stage, event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const box = stage.getBoundingClientRect();
    const [dx, dy] = [(event.clientX - before.clientX) / box.width, (event.clientY - before.clientY) / box.height];
    const other = [...this.fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    this.fingers.set(event.pointerId, event);
    if (other) {
      const apart = (finger) => Math.max(Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY), 1);
      this.zoomAt(apart(event) / apart(before), ...place(stage, other));
    } else if (kept.tool === "window" || event.shiftKey) {
      const [low, high] = this.window;
      this.light((1 - low - high) * 100 - dy * 150, -50 * Math.log2(high - low) + dx * 150);
    } else {
      this.move(this.x + dx, this.y + dy);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    const moves = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    const steps = { PageUp: -1, PageDown: 1, ArrowLeft: -1, ArrowRight: 1 };
    const acts = { "+": "in", "=": "in", "-": "out", _: "out", i: "invert", 0: "reset", f: "full", h: this.presenting ? "hide" : "heat" };
    if (moves[event.key] && this.zoom > 1) this.move(this.x + moves[event.key][0], this.y + moves[event.key][1]);
    else if (steps[event.key] && this.data.strip.length > 1) this.step(steps[event.key]);
    else if (/^[1-9]$/.test(event.key)) this.choose(event.key - 1);
    else if (acts[event.key.toLowerCase()]) this[acts[event.key.toLowerCase()]]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  in() { this.zoomAt(STEP); }

  out() { this.zoomAt(1 / STEP); }

  invert() { this.inverted = !this.inverted; this.draw(); }

  outline() { kept.outline = !kept.outline; this.draw(); }

  heat() { kept.heat = !kept.heat; this.draw(); }

  hide() { this.hiding = !this.hiding; this.draw(); }

  whole() { Object.assign(this, { zoom: 1, x: 0, y: 0 }); this.draw(); }

  reset() {
    Object.assign(this, { zoom: 1, x: 0, y: 0, window: EXPORTED, curve: "exported", inverted: false });
    if (this.figures.length) this.draw();
  }

  async full() {
    if (this.presenting) return document.exitFullscreen();
    await this.root.requestFullscreen();
    this.root.focus();
  }
}

function fill({ stage, grey, heat, outline, lines, caption }, panel, layer, picture, keys) {
  const { caption: text, alt, heat: colours } = layer === null ? panel : panel.layers[layer];
  set(stage, "aria-label", `${text}: ${keys}`);
  set(grey, "src", picture);
  set(grey, "alt", alt);
  heat.hidden = !colours;
  if (colours) set(heat, "src", colours);
  set(outline, "viewBox", `0 0 ${panel.size.join(" ")}`);
  for (const line of lines) set(line, "d", panel.outline ?? "");
  caption.textContent = text;
}

function place(stage, { clientX, clientY }) {
  const box = stage.getBoundingClientRect();
  return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
}
