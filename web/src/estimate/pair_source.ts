/** The two-hand network, which comes when two hands first meet: until it is there, hands are estimated one by one. */
import { type Files, PAIR_FILES } from "./files";
import type { Together } from "./together";

export class PairSource {
  private coming: Promise<Map<string, ArrayBuffer> | null> | null = null;
  private come: Map<string, ArrayBuffer> | null = null;
  private opening: Promise<Together | null> | null = null;
  private failed = false;

  /**
   * open: makes the network of its files. told: hears once that it is there (""), or in one sentence why it is not, after
   * which it is not asked for again until `set`.
   */
  constructor(
    private readonly files: Files,
    private readonly open: (files: Files) => Promise<Together>,
    private readonly told: (note: string) => void,
    private on: boolean,
  ) {}

  get isOn(): boolean {
    return this.on;
  }

  /** Use it or not. Where it did not come, it is asked for anew when hands meet next. */
  set(on: boolean): void {
    this.on = on;
    if (this.failed) this.coming = this.come = this.opening = null;
    this.failed = false;
  }

  /** Hands have met: it is fetched, in the background. */
  want(): void {
    if (this.on) void this.fetched();
  }

  /** The network, where its files are there; it is opened then. Between two runs of networks: they must not overlap. */
  async now(): Promise<Together | null> {
    if (!this.on || this.come === null) return null;
    return this.opened();
  }

  /** Resolves once it is there, or will not be. */
  async wait(): Promise<Together | null> {
    await this.fetched();
    return this.opened();
  }

  private fetched(): Promise<Map<string, ArrayBuffer> | null> {
    this.coming ??= Promise.all(PAIR_FILES.map(async (name) => [name, await this.files(name)] as const)).then(
      (files) => (this.come = new Map(files)),
      (error: unknown) => {
        this.fail(error);
        return null;
      },
    );
    return this.coming;
  }

  private opened(): Promise<Together | null> {
    const { come } = this;
    if (come === null) return Promise.resolve(null);
    this.opening ??= this.open(async (name) => come.get(name) ?? this.files(name)).then(
      (network) => {
        this.told("");
        return network;
      },
      (error: unknown) => {
        this.fail(error);
        return null;
      },
    );
    return this.opening;
  }

  private fail(error: unknown): void {
    this.failed = true;
    const why = error instanceof Error ? error.message : String(error);
    this.told(`Hands that meet are estimated one by one, as the network for two did not come (${why}).`);
  }
}
