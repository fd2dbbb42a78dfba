// The tour: a box with an arrow's worth of words beside the part of the page that it is about, which is framed. It is
// in the browser's top layer, so nothing of the page can cover it.

const tours = new WeakMap();

export default function ({ data, parentElement }) {
  let tour = tours.get(parentElement);
  if (!tour) {
    tour = new Tour(parentElement);
    tours.set(parentElement, tour);
  }
  tour.update(data);
}

class Tour {
  constructor(parent) {
    this.at = 0;
    this.box = parent.querySelector(".tour");
    this.frame = parent.querySelector(".frame");
    this.begin = parent.querySelector(".begin");
    [this.back, this.next, this.close] = ["back", "next", "close"].map((name) => parent.querySelector(`.${name}`));
    this.begin.onclick = () => this.open();
    this.back.onclick = () => this.go(this.at - 1);
    this.next.onclick = () => (this.at + 1 < this.data.steps.length ? this.go(this.at + 1) : this.end());
    this.close.onclick = () => this.end();
    this.box.onkeydown = ({ key }) => { if (key === "Escape") this.end(); };
    this.follow = () => this.place();
  }

  update(data) {
    this.data = data;
    this.begin.textContent = data.begin;
    this.back.textContent = data.back;
    this.close.textContent = data.close;
    if (this.box.matches(":popover-open")) this.go(this.at);
  }

  open() {
    this.frame.showPopover();
    this.box.showPopover();
    addEventListener("scroll", this.follow, true);
    addEventListener("resize", this.follow);
    this.go(0);
  }

  end() {
    removeEventListener("scroll", this.follow, true);
    removeEventListener("resize", this.follow);
    this.box.hidePopover();
    this.frame.hidePopover();
    this.begin.focus();
  }

  go(step) {
    const { steps, next, close } = this.data;
    this.at = Math.min(Math.max(step, 0), steps.length - 1);
    const { title, text, target } = steps[this.at];
    this.box.querySelector("h2").textContent = title;
    this.box.querySelector(".text").textContent = text;
    this.box.querySelector(".count").textContent = `${this.at + 1} / ${steps.length}`;
    this.back.disabled = this.at === 0;
    this.next.textContent = this.at + 1 < steps.length ? next : close;
    this.close.hidden = this.at + 1 === steps.length;
    this.target = [...document.querySelectorAll(target)].find((element) => element.checkVisibility());
    this.target?.scrollIntoView({ block: "nearest" });
    this.place();
    this.next.focus({ preventScroll: true });
  }

  // Below what it is about, or above it where there is more room; in the middle where nothing is to be seen.
  place() {
    const around = this.target?.getBoundingClientRect();
    this.frame.hidden = !around;
    const { offsetWidth: width, offsetHeight: height } = this.box;
    let [left, top] = [(innerWidth - width) / 2, (innerHeight - height) / 2];
    if (around) {
      Object.assign(this.frame.style, {
        left: `${around.left - 4}px`, top: `${around.top - 4}px`, width: `${around.width + 8}px`, height: `${around.height + 8}px`,
      });
      left = Math.min(Math.max(around.left, 8), innerWidth - width - 8);
      const [above, below] = [around.top - height - 14, around.bottom + 14];
      if (below + height <= innerHeight) top = below;
      else if (above >= 0) top = above;
      else [left, top] = [innerWidth - width - 12, innerHeight - height - 12];
    }
    Object.assign(this.box.style, { left: `${left}px`, top: `${top}px` });
  }
}
