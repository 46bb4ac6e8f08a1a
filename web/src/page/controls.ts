/** The page's buttons, fields and tables: plain elements, labelled, reachable by keyboard. */

type Attributes = Record<string, string>;

/** An element with attributes and children; text stays text. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The element of an id. Throws where the page has none. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as Kind;
}

export function button(text: string, pressed: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", pressed);
  return made;
}

/** A group of buttons of which one is chosen; arrow keys move the choice. */
export class Choice<Value extends string> {
  private readonly buttons = new Map<Value, HTMLButtonElement>();

  constructor(
    container: HTMLElement,
    options: readonly (readonly [Value, string])[],
    private readonly chosen: (value: Value) => void,
  ) {
    for (const [value, text] of options) {
      const made = button(text, () => this.chosen(value), { role: "radio", "aria-checked": "false", tabindex: "-1" });
      made.dataset.value = value;
      this.buttons.set(value, made);
      container.append(made);
    }
    container.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const values = [...this.buttons.keys()];
      const at = values.findIndex((value) => this.buttons.get(value)?.getAttribute("aria-checked") === "true");
      const next = values[(at + step + values.length) % values.length];
      this.chosen(next);
      this.buttons.get(next)?.focus();
    });
  }

  show(value: Value): void {
    for (const [one, made] of this.buttons) {
      made.setAttribute("aria-checked", String(one === value));
      made.tabIndex = one === value ? 0 : -1;
    }
    this.buttons.get(value)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

/** A box to tick, with its words. */
export function tick(text: string, value: boolean, changed: (value: boolean) => void): { field: HTMLElement; set(value: boolean): void } {
  const box = element("input", { type: "checkbox" });
  box.checked = value;
  box.addEventListener("change", () => changed(box.checked));
  return { field: element("label", { class: "field" }, text, box), set: (to) => void (box.checked = to) };
}

/** A slider with its words and its value. */
export function slider(
  text: string,
  range: { low: number; high: number; step: number; value: number; say: (value: number) => string },
  changed: (value: number) => void,
): HTMLElement {
  const [low, high, step, value] = [range.low, range.high, range.step, range.value].map(String);
  const bar = element("input", { type: "range", min: low, max: high, step, value, "aria-label": text });
  const words = element("span", {}, `${text}: ${range.say(range.value)}`);
  bar.addEventListener("input", () => {
    words.textContent = `${text}: ${range.say(Number(bar.value))}`;
    changed(Number(bar.value));
  });
  return element("label", { class: "field" }, words, bar);
}

/** Replace a container's rows: a name and a value each. */
export function table(rows: readonly (readonly [string, string])[]): HTMLTableElement {
  const body = element("tbody");
  for (const [name, value] of rows) {
    body.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  }
  return element("table", {}, body);
}

export function heading(text: string): HTMLElement {
  return element("h2", {}, text);
}
