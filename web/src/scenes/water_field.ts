/**
 * Water as a field of heights: waves, what hands push away, and drops that splash.
 *
 * Heights (metres above rest) follow the wave equation h'' = c^2 (h_xx + h_zz) - k h', c^2 = g x depth as in shallow
 * water, on a grid with reflecting edges. Solid balls push columns of water away: as the length that is in the water at a
 * cell grows, the height there falls by a share of it, and rises again when the ball leaves. The amount of water stays.
 *
 * The frame is the table's: x right, y up, z towards the camera, the surface at rest at y = 0, its middle the origin.
 */
import { seeded } from "./random";

export interface Ball {
  x: number;
  y: number;
  z: number;
  radius_m: number;
}

export interface Drop {
  place_m: [number, number, number];
  speed_m_s: [number, number, number];
  radius_m: number;
}

export interface WaterOptions {
  width_m: number;
  length_m: number;
  depth_m: number;
  cell_m: number;
}

export const POOL: Readonly<WaterOptions> = { width_m: 0.3, length_m: 0.21, depth_m: 0.03, cell_m: 0.003 };

const GRAVITY_M_S2 = 9.81;
/** How fast waves die away, 1/s. */
const DAMPING = 0.9;
/** Of the length of a column that is pushed away, how much the surface falls. */
const PUSHED = 0.55;
/** Higher and lower than this no wave goes: the model is one of low waves. */
const HIGHEST_M = 0.022;
/** A column that comes under water faster than this splashes, metres per second. */
const SPLASHING_M_S = 0.16;
/** In the air at once. */
export const MOST_DROPS = 400;
const FALLEN_SHARE = 0.5;

export class WaterField {
  readonly columns: number;
  readonly rows: number;
  readonly heights: Float32Array;
  readonly drops: Drop[] = [];
  /** Splashes since the start. */
  splashes = 0;
  private readonly rates: Float32Array;
  private sunk: Float32Array;
  private sinking: Float32Array;
  private readonly random = seeded(7);
  private known = false;

  constructor(readonly options: Readonly<WaterOptions> = POOL) {
    this.columns = Math.round(options.width_m / options.cell_m) + 1;
    this.rows = Math.round(options.length_m / options.cell_m) + 1;
    const count = this.columns * this.rows;
    this.heights = new Float32Array(count);
    this.rates = new Float32Array(count);
    this.sunk = new Float32Array(count);
    this.sinking = new Float32Array(count);
  }

  /** Speed of waves, metres per second. */
  get speed_m_s(): number {
    return Math.sqrt(GRAVITY_M_S2 * this.options.depth_m);
  }

  reset(): void {
    for (const field of [this.heights, this.rates, this.sunk, this.sinking]) field.fill(0);
    this.drops.length = 0;
    this.splashes = 0;
    this.known = false;
  }

  /** Time passes; `balls` is where the hands are at its end. Steps are cut short enough to be stable. */
  advance(step_s: number, balls: readonly Ball[]): void {
    if (step_s <= 0) return;
    const longest_s = (0.6 * this.options.cell_m) / this.speed_m_s;
    const count = Math.max(1, Math.ceil(step_s / longest_s));
    const dt = step_s / count;
    this.sink(balls);
    // What is in the water at the first sight has been there: it makes no wave.
    if (!this.known) this.sunk.set(this.sinking);
    this.known = true;
    this.splash(step_s);
    for (let part = 1; part <= count; part++) {
      this.push(1 / (count - part + 1));
      this.wave(dt);
      this.fly(dt);
    }
    this.level();
  }

  /** Height in metres at a place of the surface, between cells too; 0 beyond its edges. */
  heightAt(x: number, z: number): number {
    const { width_m, length_m, cell_m } = this.options;
    const column = (x + width_m / 2) / cell_m;
    const row = (z + length_m / 2) / cell_m;
    if (column < 0 || row < 0 || column > this.columns - 1 || row > this.rows - 1) return 0;
    const left = Math.min(Math.floor(column), this.columns - 2);
    const top = Math.min(Math.floor(row), this.rows - 2);
    const [across, down] = [column - left, row - top];
    const at = top * this.columns + left;
    const upper = this.heights[at] * (1 - across) + this.heights[at + 1] * across;
    const lower = this.heights[at + this.columns] * (1 - across) + this.heights[at + this.columns + 1] * across;
    return upper * (1 - down) + lower * down;
  }

  /** Where the surface is farthest from rest, and by how much. */
  highest(): { x: number; z: number; height_m: number } {
    let best = 0;
    this.heights.forEach((height, at) => {
      if (Math.abs(height) > Math.abs(this.heights[best])) best = at;
    });
    return { ...this.placeOf(best), height_m: this.heights[best] };
  }

  /** Middle of all that is off rest, by square heights: of a ring the place it came from. Null at rest. */
  middle(): { x: number; z: number } | null {
    let [x, z, sum] = [0, 0, 0];
    this.heights.forEach((height, at) => {
      const place = this.placeOf(at);
      x += place.x * height * height;
      z += place.z * height * height;
      sum += height * height;
    });
    return sum > 0 ? { x: x / sum, z: z / sum } : null;
  }

  /** Mean square height, square metres: 0 at rest. */
  get restlessness(): number {
    return this.heights.reduce((sum, height) => sum + height * height, 0) / this.heights.length;
  }

  placeOf(cell: number): { x: number; z: number } {
    const { width_m, length_m, cell_m } = this.options;
    return {
      x: (cell % this.columns) * cell_m - width_m / 2,
      z: Math.floor(cell / this.columns) * cell_m - length_m / 2,
    };
  }

  /** A small push down at a place, as of a drop that falls in: metres per second. */
  hit(x: number, z: number, rate_m_s: number, radius_m: number): void {
    this.eachNear(x, z, radius_m, (cell, distance_m) => {
      this.rates[cell] -= rate_m_s * (1 - (distance_m / radius_m) ** 2);
    });
  }

  /** Length of each cell's column that is solid: the longest of all balls', as they overlap. */
  private sink(balls: readonly Ball[]): void {
    const { depth_m } = this.options;
    this.sinking.fill(0);
    for (const { x, y, z, radius_m } of balls) {
      if (y - radius_m >= 0 || y + radius_m < -4 * depth_m) continue;
      this.eachNear(x, z, radius_m, (cell, distance_m) => {
        const half = Math.sqrt(radius_m * radius_m - distance_m * distance_m);
        const length = Math.min(y + half, 0) - Math.max(y - half, -depth_m);
        if (length > this.sinking[cell]) this.sinking[cell] = length;
      });
    }
  }

  /** A share of what is left to push away in this step, so that it is pushed evenly. */
  private push(share: number): void {
    for (let cell = 0; cell < this.heights.length; cell++) {
      const more = (this.sinking[cell] - this.sunk[cell]) * share;
      if (more === 0) continue;
      this.sunk[cell] += more;
      this.heights[cell] -= PUSHED * more;
    }
  }

  private wave(dt: number): void {
    const { columns, rows, heights, rates } = this;
    const factor = (this.speed_m_s / this.options.cell_m) ** 2 * dt;
    const kept = Math.exp(-DAMPING * dt);
    for (let row = 0; row < rows; row++) {
      const up = row > 0 ? -columns : 0;
      const down = row < rows - 1 ? columns : 0;
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const left = column > 0 ? -1 : 0;
        const right = column < columns - 1 ? 1 : 0;
        const bend = heights[at + left] + heights[at + right] + heights[at + up] + heights[at + down] - 4 * heights[at];
        rates[at] = (rates[at] + factor * bend) * kept;
      }
    }
    for (let at = 0; at < heights.length; at++) {
      heights[at] = Math.min(Math.max(heights[at] + rates[at] * dt, -HIGHEST_M), HIGHEST_M);
    }
  }

  /** Drops jump where columns come under water fast, outwards from their common middle. */
  private splash(step_s: number): void {
    let [x, z, sum, fastest] = [0, 0, 0, 0];
    for (let cell = 0; cell < this.sinking.length; cell++) {
      const rate = (this.sinking[cell] - this.sunk[cell]) / step_s;
      if (rate < SPLASHING_M_S) continue;
      const place = this.placeOf(cell);
      x += place.x * rate;
      z += place.z * rate;
      sum += rate;
      fastest = Math.max(fastest, rate);
    }
    if (sum === 0) return;
    this.splashes++;
    const count = Math.min(40, Math.ceil(50 * fastest), MOST_DROPS - this.drops.length);
    for (let drop = 0; drop < count; drop++) {
      const around = 2 * Math.PI * this.random();
      const out = fastest * (0.15 + 0.55 * this.random());
      const start_m = 0.004 + 0.008 * this.random();
      this.drops.push({
        place_m: [x / sum + Math.cos(around) * start_m, 0.003, z / sum + Math.sin(around) * start_m],
        speed_m_s: [Math.cos(around) * out, 0.5 + fastest * (0.5 + 0.9 * this.random()), Math.sin(around) * out],
        radius_m: 0.0009 + 0.0016 * this.random() ** 2,
      });
    }
  }

  private fly(dt: number): void {
    const { width_m, length_m, depth_m } = this.options;
    for (let index = this.drops.length - 1; index >= 0; index--) {
      const { place_m, speed_m_s, radius_m } = this.drops[index];
      speed_m_s[1] -= GRAVITY_M_S2 * dt;
      for (let axis = 0; axis < 3; axis++) place_m[axis] += speed_m_s[axis] * dt;
      const [x, y, z] = place_m;
      const inside = Math.abs(x) < width_m / 2 && Math.abs(z) < length_m / 2;
      if (inside && y <= 0 && speed_m_s[1] < 0) {
        this.hit(x, z, -FALLEN_SHARE * speed_m_s[1] * (radius_m / 0.004), 0.006);
        this.drops.splice(index, 1);
      } else if (y < -4 * depth_m) this.drops.splice(index, 1);
    }
  }

  /** No water is made or lost. */
  private level(): void {
    const mean = this.heights.reduce((sum, height) => sum + height, 0) / this.heights.length;
    for (let at = 0; at < this.heights.length; at++) this.heights[at] -= mean;
  }

  private eachNear(x: number, z: number, radius_m: number, found: (cell: number, distance_m: number) => void): void {
    const { width_m, length_m, cell_m } = this.options;
    const [column, row, reach] = [(x + width_m / 2) / cell_m, (z + length_m / 2) / cell_m, radius_m / cell_m];
    const [left, right] = [Math.max(0, Math.ceil(column - reach)), Math.min(this.columns - 1, Math.floor(column + reach))];
    const [top, bottom] = [Math.max(0, Math.ceil(row - reach)), Math.min(this.rows - 1, Math.floor(row + reach))];
    for (let r = top; r <= bottom; r++) {
      for (let c = left; c <= right; c++) {
        const distance_m = Math.hypot(c - column, r - row) * cell_m;
        if (distance_m < radius_m) found(r * this.columns + c, distance_m);
      }
    }
  }
}
