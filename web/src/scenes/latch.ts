/** On and off with hysteresis: what trembles about one limit does not switch to and fro. */
export class Latch {
  on = false;
  private agreeing = 0;

  /**
   * @param onBelow on once the value is below this,
   * @param offAbove and off once it is above this, which is more,
   * @param frames in as many frames in a row.
   */
  constructor(
    private readonly onBelow: number,
    private readonly offAbove: number,
    private readonly frames = 1,
  ) {
    if (!(offAbove > onBelow)) throw new Error(`a latch goes off above where it goes on, got ${onBelow} and ${offAbove}`);
  }

  /** Take a frame's value (Infinity: nothing near); says what changed. */
  take(value: number): "on" | "off" | null {
    const crossed = this.on ? value > this.offAbove : value < this.onBelow;
    this.agreeing = crossed ? this.agreeing + 1 : 0;
    if (this.agreeing < this.frames) return null;
    this.agreeing = 0;
    this.on = !this.on;
    return this.on ? "on" : "off";
  }

  /** Off at once. */
  release(): void {
    this.on = false;
    this.agreeing = 0;
  }
}
