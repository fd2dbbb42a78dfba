// Pictures that zoom, move and change their window together. Everything happens in the browser: a person can look
// closely at a picture without asking the server for anything.

const MOST = 10; // times
const STEP = 1.25;
const SVG = "http://www.w3.org/2000/svg";
const EXPORTED = [0, 1];
const KEYS = "arrow keys move, plus and minus zoom, i inverts, 0 resets";
const viewers = new WeakMap();
// What a person set once holds for every picture until the tab is closed.
const kept = { opacity: 0.6, outline: false, tool: "move" };

export default function ({ data, parentElement }) {
  let viewer = viewers.get(parentElement);
  if (!viewer?.root.isConnected) {
    viewer = new Viewer(parentElement.querySelector(".viewer"));
    viewers.set(parentElement, viewer);
  }
  viewer.update(data);
}

function set(element, name, value) {
  // Setting what is there already would load a picture again.
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// The texts of viewer.html, each with what puts another in its place; the English is the key to its translation.
function texts(root) {
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      const english = node.nodeValue.trim().replace(/\s+/g, " ");
      if (/[a-z]/i.test(english)) found.push([english, (text) => { node.nodeValue = text; }]);
    } else {
      for (const name of ["title", "aria-label"]) {
        if (node.hasAttribute(name)) found.push([node.getAttribute(name), (text) => set(node, name, text)]);
      }
    }
  }
  return found;
}

function made(name, parent, attributes = {}) {
  const element = parent.namespaceURI === SVG || name === "svg" ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

// CSS filters that map the greys from low to high onto black to white. `brightness` multiplies, `contrast` turns about
// mid-grey; in this order neither cuts off greys that the other brings back.
function filters([low, high], inverted) {
  const slope = 1 / (high - low);
  const [contrast, brightness] = low < 0 ? [1 / (1 - 2 * low), slope * (1 - 2 * low)] : [1 + 2 * low * slope, slope / (1 + 2 * low * slope)];
  const both = [`brightness(${brightness})`, `contrast(${contrast})`];
  return `${(low < 0 ? both.reverse() : both).join(" ")}${inverted ? " invert(1)" : ""}`;
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.texts = texts(root);
    this.panels = [];
    this.fingers = new Map();
    for (const button of root.querySelectorAll("[data-do]")) button.onclick = () => this[button.dataset.do]();
    for (const button of root.querySelectorAll("[data-tool]")) {
      button.onclick = () => { kept.tool = button.dataset.tool; this.draw(); };
    }
    root.querySelector("[data-do=full]").hidden = !root.requestFullscreen; // not on iPhones
    this.select = root.querySelector("select");
    this.select.onchange = () => { this.window = [...this.presets[this.select.value]]; this.draw(); };
    this.sliders = Object.fromEntries([...root.querySelectorAll("input")].map((input) => [input.name, input]));
    for (const name of ["brightness", "contrast"]) {
      this.sliders[name].oninput = () => this.light(Number(this.sliders.brightness.value), Number(this.sliders.contrast.value));
    }
    this.sliders.opacity.oninput = () => { kept.opacity = this.sliders.opacity.value / 100; this.draw(); };
  }

  update(sent) {
    const data = JSON.parse(sent.content);
    this.root.lang = data.language;
    this.keys = data.words[KEYS] ?? KEYS;
    for (const [english, say] of this.texts) say(data.words[english] ?? english);
    this.presets = { exported: EXPORTED, lungs: data.windows.lungs, bones: data.windows.bones };
    const [heated, outlined] = ["heat", "outline"].map((layer) => data.panels.some((panel) => panel[layer]));
    for (const part of this.root.querySelectorAll(".heated")) part.hidden = !heated;
    this.root.querySelector("[data-do=outline]").hidden = !outlined;
    const ramp = this.root.querySelector(".ramp img");
    set(ramp, "src", data.scale.picture);
    set(ramp, "alt", data.scale.alt);
    this.root.querySelector(".scale p").textContent = data.scale.caption;
    const grid = this.root.querySelector(".panels");
    grid.style.setProperty("--count", data.panels.length);
    grid.style.setProperty("--shape", data.shape);
    while (this.panels.length > data.panels.length) this.panels.pop().figure.remove();
    while (this.panels.length < data.panels.length) this.panels.push(this.panel(grid));
    data.panels.forEach((panel, number) => fill(this.panels[number], panel, data.pictures[panel.picture], this.keys));
    if (this.shown !== data.shown) {
      this.shown = data.shown;
      this.reset();
    }
    this.draw();
  }

  panel(grid) {
    const figure = made("figure", grid);
    const stage = made("div", figure, { class: "stage", tabindex: "0", role: "application" });
    const layers = made("div", stage, { class: "layers" });
    const [grey, heat] = [0, 1].map(() => made("img", layers, { alt: "", draggable: "false" }));
    const outline = made("svg", layers, { "aria-hidden": "true" });
    const lines = ["rim", "line"].map((name) => made("path", outline, { class: name }));
    stage.onkeydown = (event) => this.key(event);
    stage.ondblclick = (event) => (this.zoom > 1 ? this.reset() : this.zoomAt(2, ...place(stage, event)));
    stage.onpointerdown = (event) => { this.fingers.set(event.pointerId, event); stage.setPointerCapture(event.pointerId); };
    stage.onpointermove = (event) => this.drag(stage, event);
    stage.onpointerup = stage.onpointercancel = (event) => this.fingers.delete(event.pointerId);
    stage.addEventListener("wheel", (event) => {
      // The wheel alone scrolls the page, except where there is no page to scroll.
      if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) return;
      event.preventDefault();
      this.zoomAt(2 ** (-event.deltaY / 300), ...place(stage, event));
    }, { passive: false });
    return { figure, stage, layers, grey, heat, outline, lines, caption: made("figcaption", figure) };
  }

  draw() {
    const [low, high] = this.window;
    for (const { stage, layers, grey, heat, outline } of this.panels) {
      layers.style.transform = `translate(${this.x * 100}%, ${this.y * 100}%) scale(${this.zoom})`;
      layers.style.setProperty("--zoom", this.zoom);
      grey.style.filter = filters(this.window, this.inverted);
      heat.style.opacity = kept.opacity;
      outline.style.display = kept.outline ? "" : "none";
      stage.classList.toggle("held", this.zoom > 1);
      stage.classList.toggle("windowing", kept.tool === "window");
    }
    this.root.querySelector(".ramp img").style.opacity = kept.opacity;
    this.root.querySelector(".zoom").textContent = `${Math.round(this.zoom * 100)}\u2009%`;
    this.sliders.brightness.value = Math.round((1 - low - high) * 100);
    this.sliders.contrast.value = Math.round(-50 * Math.log2(high - low));
    this.sliders.opacity.value = Math.round(kept.opacity * 100);
    this.sliders.opacity.nextElementSibling.textContent = `${Math.round(kept.opacity * 100)}\u2009%`;
    this.select.value = Object.keys(this.presets).find((name) => `${this.presets[name]}` === `${this.window}`) ?? "own";
    const pressed = { invert: this.inverted, outline: kept.outline };
    for (const [name, value] of Object.entries(pressed)) this.root.querySelector(`[data-do=${name}]`).ariaPressed = value;
    for (const button of this.root.querySelectorAll("[data-tool]")) button.ariaPressed = button.dataset.tool === kept.tool;
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
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    const acts = { "+": "in", "=": "in", "-": "out", _: "out", i: "invert", I: "invert", 0: "reset" };
    if (moves[event.key] && this.zoom > 1) this.move(this.x + moves[event.key][0], this.y + moves[event.key][1]);
    else if (acts[event.key]) this[acts[event.key]]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  in() { this.zoomAt(STEP); }

  out() { this.zoomAt(1 / STEP); }

  invert() { this.inverted = !this.inverted; this.draw(); }

  outline() { kept.outline = !kept.outline; this.draw(); }

  reset() {
    Object.assign(this, { zoom: 1, x: 0, y: 0, window: EXPORTED, inverted: false });
    this.draw();
  }

  full() { document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen(); }
}

function fill({ stage, grey, heat, outline, lines, caption }, panel, picture, keys) {
  set(stage, "aria-label", `${panel.caption}: ${keys}`);
  set(grey, "src", picture);
  set(grey, "alt", panel.alt);
  heat.hidden = !panel.heat;
  if (panel.heat) set(heat, "src", panel.heat);
  set(outline, "viewBox", panel.box);
  for (const line of lines) set(line, "d", panel.outline ?? "");
  caption.textContent = panel.caption;
}

function place(stage, { clientX, clientY }) {
  const box = stage.getBoundingClientRect();
  return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
}
