/** Milliseconds by stage. */
export class Stages {
  private taken: Record<string, number> = {};

  /** Runs what a stage does and adds how long it took. */
  async timed<T>(stage: string, run: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await run();
    } finally {
      this.taken[stage] = (this.taken[stage] ?? 0) + performance.now() - began;
    }
  }

  /** Since this was asked last. */
  take(): Record<string, number> {
    const taken = this.taken;
    this.taken = {};
    return taken;
  }
}
