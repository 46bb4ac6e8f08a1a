/** The one box over the picture: what is loading, or what went wrong, in one sentence. */
import { byId, element } from "./controls";

export class Notice {
  private readonly box = byId("notice");

  /** @param share of what is loaded, 0 to 1; null where that is not known. */
  loading(text: string, share: number | null): void {
    const bar = element("progress", { "aria-label": text, ...(share === null ? {} : { max: "1", value: share.toFixed(3) }) });
    this.show(element("p", {}, text), element("div", {}, bar));
    this.box.dataset.kind = "loading";
  }

  say(text: string): void {
    this.show(element("p", {}, text));
    this.box.dataset.kind = "note";
  }

  error(text: string): void {
    this.show(element("p", { class: "error" }, text));
    this.box.dataset.kind = "error";
  }

  clear(): void {
    this.box.replaceChildren();
    delete this.box.dataset.kind;
  }

  private show(...content: Node[]): void {
    this.box.replaceChildren(element("div", {}, ...content));
  }
}
